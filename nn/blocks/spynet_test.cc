#include "nn/blocks/spynet.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "tests/golden/golden.h"

namespace lrti::nn {
namespace {

using golden::Summary;

// The summary of the flow from frame 0 to frame 1.
Summary FlowSummary(int64_t height, int64_t width, at::ScalarType type) {
  const torch::NoGradGuard no_grad;
  Spynet spynet;
  spynet.to(type);  // first: weights set in fp32 would stay rounded
  golden::SetWeights(spynet);
  golden::SetImageStatistics(spynet);
  const at::Tensor frames = golden::Frames(2, height, width).to(type);
  return Summary(spynet.Forward(frames.select(1, 0), frames.select(1, 1)));
}

const Summary kAt64x64(-0.2072344623, 1.6755463688,
                       {-2.0788041422, -2.0683337729, -1.4363066150, 2.0306623054, 1.7808442696,
                        1.5306860436});
const Summary kAt72x100(-0.1891118324, 1.3476108898,
                        {-1.7411620992, -1.6979122555, -1.3490776081, 1.4773768753, 1.1073294889,
                         1.2516291738});

TEST(Spynet, EqualsThePublicImplementation) {
  EXPECT_LT(FlowSummary(64, 64, at::kDouble).Distance(kAt64x64), 1e-8);
  EXPECT_LT(FlowSummary(64, 64, at::kFloat).Distance(kAt64x64), 1e-5);
}

TEST(Spynet, EqualsItAtSidesThatAreNoMultipleOf32) {
  EXPECT_LT(FlowSummary(72, 100, at::kDouble).Distance(kAt72x100), 1e-8);
  EXPECT_LT(FlowSummary(72, 100, at::kFloat).Distance(kAt72x100), 1e-5);
}

TEST(Spynet, HasThePublishedParametersAndBuffers) {
  const Spynet spynet;
  std::vector<std::string> names;
  for (int level = 0; level < 6; ++level) {
    for (const char* conv : {"0", "2", "4", "6", "8"}) {
      const std::string stem = fmt::format("basic_module.{}.basic_module.{}", level, conv);
      names.push_back(stem + ".weight");
      names.push_back(stem + ".bias");
    }
  }
  int64_t elements = 0;
  for (const auto& parameter : spynet.parameters()) elements += parameter.numel();
  EXPECT_EQ(elements, 1440300);
  EXPECT_EQ(spynet.named_parameters().keys(), names);
  EXPECT_THAT(spynet.named_buffers().keys(), testing::UnorderedElementsAre("mean", "std"));
}

TEST(Spynet, RefusesImagesOfDifferentSize) {
  Spynet spynet;
  EXPECT_THROW(spynet.Forward(at::zeros({1, 3, 32, 32}), at::zeros({1, 3, 32, 64})), c10::Error);
  EXPECT_THROW(spynet.Forward(at::zeros({1, 1, 32, 32}), at::zeros({1, 1, 32, 32})), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
