#include "nn/models/basic_vsr_plus_plus.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "nn/models/golden_output.h"
#include "nn/models/parameter_count.h"
#include "tests/golden/golden.h"

namespace lrti::nn {
namespace {

using golden::Summary;

TEST(BasicVsrPlusPlus, HasTheNamesAndShapesOfThePublishedNetwork) {
  const BasicVsrPlusPlus network{job::BasicVsrPlusPlusOptions()};
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const auto& parameter : network.named_parameters()) {
    shapes[parameter.key()] = parameter.value().sizes().vec();
  }
  EXPECT_EQ(ParameterCount(network), 7322927);
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(shapes["feat_extract.main.0.weight"], (Shape{64, 3, 3, 3}));
  EXPECT_EQ(shapes["feat_extract.main.2.4.conv2.bias"], (Shape{64}));
  EXPECT_EQ(shapes["deform_align.backward_1.weight"], (Shape{64, 128, 3, 3}));
  EXPECT_EQ(shapes["deform_align.forward_1.bias"], (Shape{64}));
  EXPECT_EQ(shapes["deform_align.backward_2.conv_offset.0.weight"], (Shape{64, 196, 3, 3}));
  EXPECT_EQ(shapes["deform_align.forward_2.conv_offset.2.weight"], (Shape{64, 64, 3, 3}));
  EXPECT_EQ(shapes["deform_align.forward_2.conv_offset.4.weight"], (Shape{64, 64, 3, 3}));
  EXPECT_EQ(shapes["deform_align.forward_2.conv_offset.6.weight"], (Shape{432, 64, 3, 3}));
  EXPECT_EQ(shapes["backbone.backward_1.main.0.weight"], (Shape{64, 128, 3, 3}));
  EXPECT_EQ(shapes["backbone.forward_1.main.0.weight"], (Shape{64, 192, 3, 3}));
  EXPECT_EQ(shapes["backbone.backward_2.main.0.weight"], (Shape{64, 256, 3, 3}));
  EXPECT_EQ(shapes["backbone.forward_2.main.0.weight"], (Shape{64, 320, 3, 3}));
  EXPECT_EQ(shapes["backbone.forward_2.main.2.6.conv2.weight"], (Shape{64, 64, 3, 3}));
  EXPECT_EQ(shapes["reconstruction.main.0.weight"], (Shape{64, 320, 3, 3}));
  EXPECT_EQ(shapes["conv_last.weight"], (Shape{3, 64, 3, 3}));
}

// The public code starts with offsets equal to the flow and masks of a half.
TEST(BasicVsrPlusPlus, StartsAlignmentAtTheFlow) {
  torch::manual_seed(3);
  const BasicVsrPlusPlus network{job::BasicVsrPlusPlusOptions()};
  const auto parameters = network.named_parameters();
  for (const char* last :
       {"deform_align.forward_1.conv_offset.6.weight", "deform_align.forward_1.conv_offset.6.bias",
        "deform_align.forward_1.bias"}) {
    EXPECT_FALSE(parameters[last].any().item<bool>()) << last;
  }
  const double bound = 0.0294628;  // 1 / sqrt(128 * 9)
  EXPECT_NEAR(parameters["deform_align.forward_1.weight"].abs().max().item<double>(), bound, 1e-5);
}

Summary OutputSummary(int64_t frames, int64_t height, int64_t width, at::ScalarType type) {
  job::BasicVsrPlusPlusOptions options;
  options.channels = 16;
  options.blocks = 2;
  return Summary(GoldenOutput(BasicVsrPlusPlus(options), frames, height, width, type));
}

TEST(BasicVsrPlusPlus, EqualsThePublicImplementation) {
  const Summary expected(
      0.4706281696, 0.2927356715,
      {0.3843260791, 0.4785698018, 0.3108508336, 0.5934477669, 0.5771359738, 0.3757215795});
  EXPECT_LT(OutputSummary(5, 64, 64, at::kDouble).Distance(expected), 1e-8);
  EXPECT_LT(OutputSummary(5, 64, 64, at::kFloat).Distance(expected), 1e-5);
}

TEST(BasicVsrPlusPlus, EqualsThePublicImplementationOnOddSizes) {
  const Summary expected(
      0.4652899565, 0.2944380193,
      {0.3579894077, 0.4788532538, 0.6277880582, 0.4480876684, 0.8372996399, 0.1251306230});
  EXPECT_LT(OutputSummary(3, 72, 100, at::kDouble).Distance(expected), 1e-8);
  EXPECT_LT(OutputSummary(3, 72, 100, at::kFloat).Distance(expected), 1e-5);
}

}  // namespace
}  // namespace lrti::nn
