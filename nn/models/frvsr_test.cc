#include "nn/models/frvsr.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "nn/models/golden_output.h"
#include "nn/models/parameter_count.h"
#include "tests/golden/golden.h"

namespace lrti::nn {
namespace {

using golden::Summary;

job::FrvsrOptions Options(int64_t features, int64_t blocks, job::FrvsrDegradation degradation) {
  job::FrvsrOptions options;
  options.features = features;
  options.blocks = blocks;
  options.degradation = degradation;
  return options;
}

TEST(Frvsr, HasTheNamesAndShapesOfThePublishedNetwork) {
  const Frvsr network(Options(64, 10, job::FrvsrDegradation::kBd));
  EXPECT_EQ(ParameterCount(network, "fnet."), 1745506);
  EXPECT_EQ(ParameterCount(network, "srnet."), 843587);
  EXPECT_EQ(ParameterCount(Frvsr(Options(64, 16, job::FrvsrDegradation::kBi))), 3032229);
  const auto parameters = network.named_parameters();
  for (const char* name :
       {"fnet.encoder1.0.weight", "fnet.encoder3.2.bias", "fnet.decoder1.0.weight",
        "fnet.decoder3.2.weight", "fnet.flow.0.weight", "fnet.flow.2.bias",
        "srnet.resblocks.9.conv.2.weight", "srnet.conv_out.bias"}) {
    EXPECT_TRUE(parameters.contains(name)) << name;
  }
  EXPECT_EQ(parameters["srnet.conv_in.0.weight"].sizes(), at::IntArrayRef({64, 51, 3, 3}));
  EXPECT_EQ(parameters["srnet.conv_up.2.weight"].sizes(), at::IntArrayRef({64, 64, 3, 3}));
  for (const char* name : {"upsample_func.kernels", "srnet.upsample_func.kernels"}) {
    EXPECT_TRUE(network.named_buffers().contains(name)) << name;
  }
}

Summary OutputSummary(job::FrvsrDegradation degradation, at::ScalarType type) {
  return Summary(GoldenOutput(Frvsr(Options(16, 2, degradation)), 4, 64, 64, type));
}

TEST(Frvsr, EqualsThePublicImplementation) {
  const Summary bd(
      0.5007042325, 0.2581914682,
      {0.4419098463, 0.4732107436, 0.7432079896, 0.8670727439, 0.4921297867, 0.3789311015});
  EXPECT_LT(OutputSummary(job::FrvsrDegradation::kBd, at::kDouble).Distance(bd), 1e-8);
  EXPECT_LT(OutputSummary(job::FrvsrDegradation::kBd, at::kFloat).Distance(bd), 1e-5);
  const Summary bi(
      0.5007669695, 0.2554465326,
      {0.4419098463, 0.4559649274, 0.7417300925, 0.8664932836, 0.4931697344, 0.3808231058});
  EXPECT_LT(OutputSummary(job::FrvsrDegradation::kBi, at::kDouble).Distance(bi), 1e-8);
  EXPECT_LT(OutputSummary(job::FrvsrDegradation::kBi, at::kFloat).Distance(bi), 1e-5);
}

TEST(Frvsr, RefusesFramesThatItsFlowNetCannotHalve) {
  Frvsr network(Options(4, 1, job::FrvsrDegradation::kBi));
  EXPECT_THROW(network.EstimateFlows(at::rand({1, 2, 3, 7, 16})), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
