#include "train/checkpoint/load.h"

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

torch::nn::Sequential Network() {
  return torch::nn::Sequential(torch::nn::Linear(2, 3), torch::nn::BatchNorm1d(3));
}

NamedTensors Filled(const torch::nn::Module& module, double value) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : TensorsOf(module)) {
    tensors[name] = at::full(tensor.sizes(), value, tensor.options().requires_grad(false));
  }
  return tensors;
}

TEST(TensorsOf, NamesParametersAndBuffers) {
  EXPECT_THAT(
      TensorsOf(*Network()),
      ElementsAre(Key("0.bias"), Key("0.weight"), Key("1.bias"), Key("1.num_batches_tracked"),
                  Key("1.running_mean"), Key("1.running_var"), Key("1.weight")));
}

TEST(LoadInto, CopiesEveryTensorAndKeepsTheModulesDtype) {
  auto network = Network();
  NamedTensors tensors = Filled(*network, 3);
  tensors["0.weight"] = tensors["0.weight"].to(at::kBFloat16);
  const absl::Status status = LoadInto(*network, tensors, /*strict=*/true);
  ASSERT_TRUE(status.ok()) << status;
  for (const auto& [name, tensor] : TensorsOf(*network)) {
    EXPECT_TRUE(tensor.eq(3).all().item<bool>()) << name;
  }
  EXPECT_EQ(TensorsOf(*network)["0.weight"].scalar_type(), at::kFloat);
  EXPECT_TRUE(TensorsOf(*network)["0.weight"].requires_grad());
}

TEST(LoadInto, ListsAllThatDoesNotFitAndChangesNothing) {
  auto network = Network();
  NamedTensors tensors = Filled(*network, 3);
  tensors.erase("0.bias");
  tensors["0.weight"] = at::ones({3, 4});
  tensors["head.weight"] = at::ones({1});
  EXPECT_EQ(
      LoadInto(*network, tensors, /*strict=*/true),
      InvalidArgument("the weights do not fit the network: 5 of 7 tensors match; other shape: "
                      "0.weight [3, 4] for [3, 2]; missing: 0.bias; unexpected: head.weight"));
  EXPECT_FALSE(TensorsOf(*network)["1.weight"].eq(3).any().item<bool>());
}

TEST(LoadInto, RefusesIntegersForFloats) {
  auto network = Network();
  NamedTensors tensors = Filled(*network, 3);
  tensors["0.bias"] = at::ones({3}, at::kLong);
  EXPECT_EQ(
      LoadInto(*network, tensors, /*strict=*/true),
      InvalidArgument("the weights do not fit the network: 6 of 7 tensors match; other dtype: "
                      "0.bias Long for Float"));
}

TEST(LoadInto, ListsTenNamesAndCountsTheRest) {
  auto network = Network();
  NamedTensors tensors = Filled(*network, 3);
  for (int i = 10; i < 25; ++i) tensors[fmt::format("extra.{}", i)] = at::ones({1});
  const absl::Status status = LoadInto(*network, tensors, /*strict=*/true);
  EXPECT_THAT(Message(status), HasSubstr("extra.18, extra.19 and 5 more"));
  EXPECT_THAT(Message(status), Not(HasSubstr("extra.20")));
}

TEST(LoadInto, WithoutStrictTakesWhatMatches) {
  auto network = Network();
  NamedTensors tensors = Filled(*network, 3);
  tensors.erase("0.bias");
  tensors["head.weight"] = at::ones({1});
  const absl::Status status = LoadInto(*network, tensors, /*strict=*/false);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(TensorsOf(*network)["0.weight"].eq(3).all().item<bool>());
  EXPECT_FALSE(TensorsOf(*network)["0.bias"].eq(3).any().item<bool>());

  tensors["0.weight"] = at::ones({1});
  EXPECT_FALSE(LoadInto(*network, tensors, /*strict=*/false).ok()) << "another shape is an error";
  EXPECT_FALSE(LoadInto(*network, {{"other", at::ones({1})}}, /*strict=*/false).ok())
      << "weights of another network must not pass as a success";
}

}  // namespace
}  // namespace lrti::checkpoint
