#include "train/formats/pickle.h"

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "train/formats/unpickle.h"

namespace lrti::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PickleTensors, IsReadBackAsWritten) {
  const std::vector<PickledTensor> tensors = {
      {"a.weight", Dtype::kFloat, {2, 3, 4}},
      {"ä", Dtype::kBFloat16, {}},
      {"empty", Dtype::kLong, {0, 5}},
      {"large", Dtype::kByte, {int64_t{1} << 40, 3}},
  };
  const auto document = Unpickle(PickleTensors("params", tensors));
  ASSERT_TRUE(document.ok()) << document.status();
  const auto* group = document->Find(std::get<Dict>((*document)[document->root]), "params");
  ASSERT_NE(group, nullptr);
  const auto& dict = std::get<Dict>(*group);
  ASSERT_EQ(dict.items.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(std::get<std::string>((*document)[dict.items[i].first]), tensors[i].name);
    const auto& ref = std::get<TensorRef>((*document)[dict.items[i].second]);
    EXPECT_EQ(ref.shape, tensors[i].shape);
    EXPECT_EQ(ref.offset, 0);
    EXPECT_EQ(document->storages[ref.storage].key, std::to_string(i));
    EXPECT_EQ(document->storages[ref.storage].dtype, tensors[i].dtype);
  }
  const auto& first = std::get<TensorRef>((*document)[dict.items[0].second]);
  EXPECT_THAT(first.strides, ElementsAre(12, 4, 1));
  EXPECT_EQ(document->storages[first.storage].numel, 24);
}

TEST(PickleTensors, WithoutAGroupIsTheDictItself) {
  const std::string pickle = PickleTensors("", {});
  EXPECT_EQ(pickle,
            "\x80\x02"
            "ccollections\nOrderedDict\n)R(u.");
  const auto document = Unpickle(pickle);
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_THAT(std::get<Dict>((*document)[document->root]).items, IsEmpty());
}

}  // namespace
}  // namespace lrti::formats
