#include "nn/models/basic_vsr.h"

#include <fmt/format.h>
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
using Shapes = std::map<std::string, std::vector<int64_t>>;

void AddConv(Shapes& shapes, const std::string& name, int64_t in, int64_t out, int64_t kernel) {
  shapes[name + ".weight"] = {out, in, kernel, kernel};
  shapes[name + ".bias"] = {out};
}

// Names and shapes of the published network's weights.
Shapes PublishedShapes() {
  Shapes shapes;
  const std::vector<int64_t> widths = {8, 32, 64, 32, 16, 2};
  for (int level = 0; level < 6; ++level) {
    for (size_t i = 0; i < 5; ++i) {
      const auto name = fmt::format("spynet.basic_module.{}.basic_module.{}", level, 2 * i);
      AddConv(shapes, name, widths[i], widths[i + 1], 7);
    }
  }
  for (const std::string trunk : {"backward_trunk", "forward_trunk"}) {
    AddConv(shapes, trunk + ".main.0", 67, 64, 3);
    for (int i = 0; i < 30; ++i) {
      AddConv(shapes, fmt::format("{}.main.2.{}.conv1", trunk, i), 64, 64, 3);
      AddConv(shapes, fmt::format("{}.main.2.{}.conv2", trunk, i), 64, 64, 3);
    }
  }
  AddConv(shapes, "fusion", 128, 64, 1);
  AddConv(shapes, "upconv1", 64, 256, 3);
  AddConv(shapes, "upconv2", 64, 256, 3);
  AddConv(shapes, "conv_hr", 64, 64, 3);
  AddConv(shapes, "conv_last", 64, 3, 3);
  return shapes;
}

TEST(BasicVsr, HasTheNamesAndShapesOfThePublishedNetwork) {
  const BasicVsr network{job::BasicVsrOptions()};
  Shapes shapes;
  for (const auto& parameter : network.named_parameters()) {
    shapes[parameter.key()] = parameter.value().sizes().vec();
  }
  EXPECT_EQ(shapes, PublishedShapes());
  EXPECT_EQ(ParameterCount(network), 6291311);
  EXPECT_TRUE(network.named_buffers().contains("spynet.mean"));
  EXPECT_TRUE(network.named_buffers().contains("spynet.std"));
}

TEST(BasicVsr, WithoutFlowHasNoFlowNet) {
  job::BasicVsrOptions options;
  options.flow = job::Flow::kNone;
  BasicVsr network(options);
  EXPECT_EQ(ParameterCount(network), 4851011);
  EXPECT_EQ(network.FlowPrefix(), "");
  EXPECT_FALSE(network.EstimateFlows(at::rand({1, 3, 3, 8, 8})).forward.defined());
}

Summary OutputSummary(at::ScalarType type) {
  job::BasicVsrOptions options;
  options.channels = 16;
  options.blocks = 2;
  return Summary(GoldenOutput(BasicVsr(options), 5, 64, 64, type));
}

TEST(BasicVsr, EqualsThePublicImplementation) {
  const Summary expected(
      0.5088612493, 0.2612597980,
      {0.4089646694, 0.4367551217, 0.3269556052, 0.6446919932, 0.6130311907, 0.3547889694});
  EXPECT_LT(OutputSummary(at::kDouble).Distance(expected), 1e-8);
  EXPECT_LT(OutputSummary(at::kFloat).Distance(expected), 1e-5);
}

}  // namespace
}  // namespace lrti::nn
