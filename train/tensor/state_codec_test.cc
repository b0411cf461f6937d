#include "train/tensor/state_codec.h"

#include <torch/torch.h>

#include <limits>

#include "common/hidden_state/chunks.h"
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

TEST(StateCodec, Int8IsWithinHalfAScaleOfEachChannel) {
  const at::Tensor state =
      torch::randn({2, 5, 6, 7}) * torch::tensor({1.f, 10.f, 0.f, 1e-3f, 1e6f}).view({5, 1, 1});
  const auto blob = Encode(state, Dtype::kInt8);
  ASSERT_EQ(blob->dtype, Dtype::kInt8);
  ASSERT_EQ(blob->scales.size(), 10u);
  const at::Tensor bound = state.abs().amax({2, 3}, true) / 254 * 1.0001;
  EXPECT_TRUE((Decode(*blob).value() - state).abs().le(bound).all().item<bool>());
}

TEST(StateCodec, AStateThatIsNotFiniteIsNoInt8) {
  const at::Tensor state =
      torch::tensor({1.f, std::numeric_limits<float>::infinity()}).view({1, 1, 1, 2});
  const auto blob = Encode(state, Dtype::kInt8);
  EXPECT_EQ(blob->dtype, Dtype::kFp32);
  EXPECT_TRUE(Decode(*blob).value().equal(state));
}

TEST(StateCodec, TheNarrowOnesTakeHalfTheBytes) {
  const at::Tensor state = torch::randn({1, 5, 6, 7});
  EXPECT_EQ(Encode(state, Dtype::kInt8)->bytes.size(), 5u * 6 * 7);
  EXPECT_EQ(Encode(state, Dtype::kFp32)->bytes.size(), 5u * 6 * 7 * 4);
  EXPECT_EQ(Encode(state, Dtype::kBf16)->bytes.size(), 5u * 6 * 7 * 2);
}

TEST(StateCodec, AValueThatFp16CannotHoldTurnsTheStateToBf16) {
  const at::Tensor state = torch::tensor({1.0f, 1e6f});
  const auto blob = Encode(state, Dtype::kFp16);
  EXPECT_EQ(blob->dtype, Dtype::kBf16);
  EXPECT_TRUE(Decode(*blob).value().isfinite().all().item<bool>());
}

TEST(StateCodec, EveryEncodedStateCarriesTheCrcsOfItsBytes) {
  const at::Tensor state = torch::randn({1, 3, 512, 256});  // 1.5 MiB as fp32
  for (const Dtype dtype : {Dtype::kFp32, Dtype::kBf16, Dtype::kFp16, Dtype::kInt8}) {
    const auto blob = Encode(state, dtype);
    EXPECT_EQ(blob->crcs, hidden_state::ChunkCrcs(blob->bytes));
    EXPECT_EQ(blob->crcs.size(), dtype == Dtype::kFp32 ? 2u : 1u);
  }
}

TEST(StateCodec, AnEmptyStateIsOne) {
  const at::Tensor state = torch::empty({0, 3, 4, 4});
  EXPECT_EQ(Decode(*Encode(state, Dtype::kBf16)).value().sizes(), state.sizes());
}

TEST(StateCodec, ATransposedStateKeepsItsShape) {
  const at::Tensor state = torch::randn({1, 2, 3, 4}).transpose(2, 3);
  EXPECT_TRUE(Decode(*Encode(state, Dtype::kFp32)).value().equal(state));
}

TEST(StateCodec, RefusesBytesThatDoNotFitTheShape) {
  Blob blob{.dtype = Dtype::kFp32, .shape = {1, 2}, .bytes = std::vector<std::byte>(7)};
  EXPECT_EQ(Decode(blob).status().code(), absl::StatusCode::kDataLoss);
  const Blob unscaled{.dtype = Dtype::kInt8, .shape = {1, 2}, .bytes = std::vector<std::byte>(2)};
  EXPECT_EQ(Decode(unscaled).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace lrti::train
