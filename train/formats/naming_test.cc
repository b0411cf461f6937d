#include "train/formats/naming.h"

#include <array>

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::formats {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::array<std::pair<const char*, const char*>, 9> kPairs = {{
    {"backward_trunk.main.2.0.conv1.weight", "backward_resblocks.main.2.0.conv1.weight"},
    {"forward_trunk.main.0.bias", "forward_resblocks.main.0.bias"},
    {"upconv1.weight", "upsample1.upsample_conv.weight"},
    {"upconv2.bias", "upsample2.upsample_conv.bias"},
    {"spynet.basic_module.0.basic_module.0.weight",
     "spynet.basic_module.0.basic_module.0.conv.weight"},
    {"spynet.basic_module.5.basic_module.8.bias", "spynet.basic_module.5.basic_module.4.conv.bias"},
    {"basic_module.1.basic_module.2.bias", "basic_module.1.basic_module.1.conv.bias"},
    {"deform_align.backward_1.conv_offset.6.bias", "deform_align.backward_1.conv_offset.6.bias"},
    {"backbone.forward_2.main.2.6.conv2.weight", "backbone.forward_2.main.2.6.conv2.weight"},
}};

TEST(Naming, TurnsEachNameIntoTheOthersAndBack) {
  for (const auto& [ours, mmagic] : kPairs) {
    EXPECT_EQ(MmagicName(ours), mmagic);
    EXPECT_EQ(OurName(mmagic), ours);
    EXPECT_EQ(OurName(ours), ours);
  }
}

TEST(Naming, LeavesAloneWhatOnlyLooksAlike) {
  for (const char* name :
       {"my_upconv1.weight", "upconv1", "a.upsample1.upsample_conv.weight",
        "basic_module.x.basic_module.1.conv.weight", "basic_module.1.basic_module.1",
        "basic_module.1.basic_module.99999999999.conv.b", "spynet.basic_module.", ""}) {
    EXPECT_EQ(OurName(name), name);
    EXPECT_EQ(MmagicName(name), name);
  }
}

TEST(OurNames, TakesPrefixesOffInAnyOrder) {
  const auto names = OurNames({"module.a.weight", "b.bias", "module.module.c"});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, UnorderedElementsAre(Pair("module.a.weight", "a.weight"),
                                           Pair("b.bias", "b.bias"), Pair("module.module.c", "c")));
}

TEST(OurNames, OfAGeneratorsFileLeavesTheRestOut) {
  const auto names =
      OurNames({"generator.upsample1.upsample_conv.bias", "module.generator.fusion.bias",
                "generator.step_counter", "step_counter", "perceptual_loss.vgg.weight"});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names,
              UnorderedElementsAre(Pair("generator.upsample1.upsample_conv.bias", "upconv1.bias"),
                                   Pair("module.generator.fusion.bias", "fusion.bias")));
}

TEST(OurNames, OfAPlainFileLeavesTheCounterOut) {
  const auto names = OurNames({"step_counter"});
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, IsEmpty());
}

TEST(OurNames, RefusesTwoTensorsForOneName) {
  EXPECT_EQ(OurNames({"upconv1.bias", "upsample1.upsample_conv.bias"}).status(),
            InvalidArgument("'upconv1.bias' and 'upsample1.upsample_conv.bias' are two tensors for "
                            "'upconv1.bias'"));
}

TEST(IsComputed, IsTrueOfIndexTablesAlone) {
  EXPECT_TRUE(IsComputed("layers.0.attn.relative_position_index"));
  EXPECT_TRUE(IsComputed("relative_position_index"));
  EXPECT_FALSE(IsComputed("layers.0.attn.relative_position_bias_table"));
  EXPECT_FALSE(IsComputed("my_relative_position_index"));
}

}  // namespace
}  // namespace lrti::formats
