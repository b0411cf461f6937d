#include "train/checkpoint/weights.h"

#include <ATen/ATen.h>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/test_checkpoints.h"

namespace lrti::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

Weights ReadAll(const std::string& path, Which which = Which::kAveraged) {
  auto weights = ReadWeights(path, which);
  EXPECT_TRUE(weights.ok()) << weights.status();
  return weights.ok() ? *std::move(weights) : Weights();
}

TEST(ReadWeights, GivesAFileOfMmagicOurNames) {
  const Weights weights = ReadAll(Saved("mmagic"));
  EXPECT_EQ(weights.origin, "state_dict");
  EXPECT_THAT(weights.tensors,
              ElementsAre(Key("bias"), Key("spynet.basic_module.0.basic_module.2.bias"),
                          Key("upconv1.bias"), Key("weight")));
}

TEST(ReadWeights, TakesThePrefixOfParallelTrainingOff) {
  EXPECT_THAT(ReadAll(Saved("parallel")).tensors, ElementsAre(Key("bias"), Key("weight")));
}

TEST(ReadWeights, KnowsSafetensorsWhateverTheyAreCalled) {
  const TemporaryFolder folder;
  for (const char* name : {"w.safetensors", "weights"}) {
    ASSERT_TRUE(WriteSafetensors(folder / name,
                                 {{"generator.upsample2.upsample_conv.weight", at::ones({2})}})
                    .ok());
    EXPECT_THAT(ReadAll(folder / name).tensors, ElementsAre(Key("upconv2.weight"))) << name;
  }
}

TEST(ReadWeights, OfACheckpointPutsAveragesOverTheRawWeights) {
  const TemporaryFolder folder;
  Snapshot snapshot;
  snapshot.groups["model"] = {{"w", at::full({2}, 1.0)}, {"buffer", at::full({2}, 2.0)}};
  snapshot.groups["ema"] = {{"w", at::full({2}, 3.0)}};
  const auto info = WriteCheckpoint(folder.path(), snapshot);
  ASSERT_TRUE(info.ok()) << info.status();
  const Weights averaged = ReadAll(info->path);
  EXPECT_EQ(averaged.origin, "averaged weights");
  EXPECT_TRUE(averaged.tensors.at("w").eq(3).all().item<bool>());
  EXPECT_TRUE(averaged.tensors.at("buffer").eq(2).all().item<bool>());
  const Weights raw = ReadAll(info->path, Which::kRaw);
  EXPECT_EQ(raw.origin, "raw weights");
  EXPECT_TRUE(raw.tensors.at("w").eq(1).all().item<bool>());
}

TEST(ReadWeights, NamesThePathInItsErrors) {
  const TemporaryFolder folder;
  EXPECT_EQ(ReadWeights(folder / "none", Which::kRaw).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(ReadWeights(Saved("code"), Which::kRaw).status()), HasSubstr(Saved("code")));
  ASSERT_TRUE(WriteSafetensors(folder / "two", {{"upconv1.bias", at::ones({2})},
                                                {"module.upconv1.bias", at::ones({2})}})
                  .ok());
  EXPECT_EQ(ReadWeights(folder / "two", Which::kRaw).status(),
            InvalidArgument("{}: 'module.upconv1.bias' and 'upconv1.bias' are two tensors for "
                            "'upconv1.bias'",
                            folder / "two"));
}

}  // namespace
}  // namespace lrti::checkpoint
