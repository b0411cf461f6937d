#include "train/tensor/state_codec.h"

#include <torch/torch.h>

#include "gtest/gtest.h"

namespace lrti::train {
namespace {

using hidden_state::Blob;
using hidden_state::Dtype;

TEST(StateCodec, Fp32IsExactAndTheOthersRoundOnce) {
  const at::Tensor state = torch::randn({1, 5, 6, 7});
  EXPECT_TRUE(Decode(*Encode(state, Dtype::kFp32)).value().equal(state));
  EXPECT_TRUE(
      Decode(*Encode(state, Dtype::kBf16)).value().equal(state.to(at::kBFloat16).to(at::kFloat)));
  EXPECT_TRUE(
      Decode(*Encode(state, Dtype::kFp16)).value().equal(state.to(at::kHalf).to(at::kFloat)));
}

TEST(StateCodec, TheNarrowOnesTakeHalfTheBytes) {
  const at::Tensor state = torch::randn({1, 5, 6, 7});
  EXPECT_EQ(Encode(state, Dtype::kFp32)->bytes.size(), 5u * 6 * 7 * 4);
  EXPECT_EQ(Encode(state, Dtype::kBf16)->bytes.size(), 5u * 6 * 7 * 2);
}

TEST(StateCodec, AValueThatFp16CannotHoldTurnsTheStateToBf16) {
  const at::Tensor state = torch::tensor({1.0f, 1e6f});
  const auto blob = Encode(state, Dtype::kFp16);
  EXPECT_EQ(blob->dtype, Dtype::kBf16);
  EXPECT_TRUE(Decode(*blob).value().isfinite().all().item<bool>());
}

TEST(StateCodec, ATransposedStateKeepsItsShape) {
  const at::Tensor state = torch::randn({1, 2, 3, 4}).transpose(2, 3);
  EXPECT_TRUE(Decode(*Encode(state, Dtype::kFp32)).value().equal(state));
}

TEST(StateCodec, RefusesBytesThatDoNotFitTheShape) {
  Blob blob{.dtype = Dtype::kFp32, .shape = {1, 2}, .bytes = std::vector<std::byte>(7)};
  EXPECT_EQ(Decode(blob).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace lrti::train
