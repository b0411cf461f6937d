#include "nn/census/census.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "nn/census/published.h"
#include "nn/census/shapes_alone.h"
#include "nn/models/evaluation_mode.h"
#include "nn/models/registry.h"

namespace lrti::nn {
namespace {

template <typename Options>
job::ModelConfig OfDepths(const std::vector<int64_t>& depths) {
  Options options;
  options.sizes.depths = depths;
  options.sizes.heads.assign(depths.size(), 6);
  return options;
}

FrameCost AtPaperSize(const job::ModelConfig& config) { return CostOfFrame(config, 180, 320); }

// Units of 10^-4 T, as the papers' numbers are given here.
int64_t Rounded(int64_t macs) { return std::llround(static_cast<double>(macs) / 1e8); }

TEST(CostOfFrame, OfConvolutionalNetworksIsThePublishedOne) {
  EXPECT_EQ(Rounded(AtPaperSize(job::BasicVsrOptions()).network.Total()), 3378);
  EXPECT_EQ(Rounded(AtPaperSize(job::BasicVsrPlusPlusOptions()).network.Total()), 3972);
  EXPECT_EQ(AtPaperSize(job::BasicVsrOptions()).network.Total(), int64_t{337'755'340'800});
}

TEST(CostOfFrame, CountsTheFlowNetApartInBothDirections) {
  const FrameCost with = AtPaperSize(job::BasicVsrOptions());
  job::BasicVsrOptions options;
  options.flow = job::Flow::kNone;
  const FrameCost without = AtPaperSize(options);
  EXPECT_EQ(Rounded(with.flow.Total()), 393);
  EXPECT_EQ(without.flow.Total(), 0);
  EXPECT_EQ(with.network, without.network);
}

// By hand, for a token of the 184x320 that windows cover and D = 120, N = 192: queries of one
// frame, keys and values of three and the projection are 8 D^2, scores and weighted values 2 N D,
// a feed-forward unit 4 D^2 or, gated, 6 D^2.
TEST(CostOfFrame, OfAttentionHasQueriesOfTheCurrentFrameAlone) {
  constexpr int64_t kTokens = int64_t{184} * 320;
  constexpr int64_t kBlocks = 4 * 18;
  constexpr int64_t kSquare = 120 * 120;
  const Macs iiab = AtPaperSize(job::IiabOptions()).network;
  EXPECT_EQ(iiab.linear, kBlocks * kTokens * 12 * kSquare);
  EXPECT_EQ(iiab.attention, kBlocks * kTokens * 2 * 192 * 120);
  EXPECT_EQ(iiab.product, 0);
  const Macs lrti = AtPaperSize(job::LrtiVsrOptions()).network;
  EXPECT_EQ(lrti.linear, kBlocks * kTokens * 14 * kSquare);
  EXPECT_EQ(lrti.attention, iiab.attention);
  EXPECT_EQ(lrti.convolution, iiab.convolution);
  const Macs psrt = AtPaperSize(job::PsrtOptions()).network;
  EXPECT_EQ(psrt.linear, kBlocks * kTokens * 3 * 8 * kSquare);
  EXPECT_EQ(psrt.attention, 3 * iiab.attention);
}

TEST(CostOfFrame, OfTheTransformers) {
  EXPECT_EQ(Rounded(AtPaperSize(job::PsrtOptions()).network.Total()), 24320);
  EXPECT_EQ(Rounded(AtPaperSize(job::IiabOptions()).network.Total()), 11296);
  EXPECT_EQ(Rounded(AtPaperSize(job::LrtiVsrOptions()).network.Total()), 12516);
  EXPECT_EQ(Rounded(AtPaperSize(OfDepths<job::LrtiVsrOptions>({6})).network.Total()), 4919);
}

TEST(PublishedMacs, AreThoseOfThePapers) {
  const auto published = [](const job::ModelConfig& config) {
    return Rounded(PublishedMacs(config, 180, 320).value());
  };
  EXPECT_EQ(published(job::PsrtOptions()), 23905);
  EXPECT_EQ(published(job::LrtiVsrOptions()), 15415);
  EXPECT_EQ(published(OfDepths<job::LrtiVsrOptions>({6})), 5887);
  EXPECT_EQ(published(job::IiabOptions()), 15415);
  EXPECT_FALSE(PublishedMacs(job::BasicVsrOptions(), 180, 320).has_value());
}

TEST(FindTooSmall, KnowsTheSmallestFrameOfTheNetwork) {
  const std::optional<TooSmall> found = FindTooSmall(job::LrtiVsrOptions(), 64, 3);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->side_min, 5);
  EXPECT_THAT(found->reason, testing::HasSubstr("64x3"));
  EXPECT_FALSE(FindTooSmall(job::LrtiVsrOptions(), 5, 64).has_value());
  EXPECT_FALSE(FindTooSmall(job::BasicVsrOptions(), 1, 1).has_value());
}

// Every registered network, as the model contract.
class EveryModel : public testing::TestWithParam<RegisteredModel> {
 protected:
  static constexpr int64_t kHeight = 12, kWidth = 20;
};

TEST_P(EveryModel, PutsOutTheSameShapesWithoutNumbers) {
  const torch::NoGradGuard no_grad;
  const auto output = [&](const at::Device& device) {
    const std::shared_ptr<Model> model = MakeModel(GetParam().small);
    const EvaluationMode evaluation(*model);
    if (device.is_meta()) ToShapesAlone(*model);
    const at::Tensor frames =
        at::full({1, 3, 3, kHeight, kWidth}, 0.5, at::TensorOptions(device).dtype(at::kFloat));
    return model->Forward({.frames = frames, .flows = model->EstimateFlows(frames), .boundary = {}},
                          {});
  };
  const at::Tensor without = output(at::kMeta);
  EXPECT_TRUE(without.is_meta());
  EXPECT_EQ(without.sizes(), output(at::kCPU).sizes());
}

TEST_P(EveryModel, CostsTheSameOnShapesAndOnNumbers) {
  const torch::NoGradGuard no_grad;
  const auto cost = [&](const at::Device& device) {
    const std::shared_ptr<Model> model = MakeModel(GetParam().small);
    const EvaluationMode evaluation(*model);
    if (device.is_meta()) ToShapesAlone(*model);
    const at::Tensor frames =
        at::full({1, 3, 3, kHeight, kWidth}, 0.5, at::TensorOptions(device).dtype(at::kFloat));
    const MacCounter counter;
    model->Forward({.frames = frames, .flows = model->EstimateFlows(frames), .boundary = {}}, {});
    return counter.macs().Total();
  };
  EXPECT_EQ(cost(at::kMeta), cost(at::kCPU));
}

TEST_P(EveryModel, HasACostThatGrowsWithTheFrame) {
  const FrameCost small = CostOfFrame(GetParam().small, 16, 16);
  const FrameCost large = CostOfFrame(GetParam().small, 32, 32);
  EXPECT_GT(small.network.Total(), 0);
  EXPECT_EQ(large.network.Total(), 4 * small.network.Total());
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryModel, testing::ValuesIn(RegisteredModels()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace lrti::nn
