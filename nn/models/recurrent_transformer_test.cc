#include "nn/models/recurrent_transformer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "nn/models/golden_output.h"
#include "nn/models/parameter_count.h"
#include "tests/golden/golden.h"

namespace lrti::nn {
namespace {

using golden::Summary;

// The size of the golden numbers.
template <typename Options>
Options Golden() {
  Options options;
  options.sizes.embed_dim = 24;
  options.sizes.depths = {2, 2};
  options.sizes.heads = {2, 2};
  options.sizes.mid_channels = 16;
  return options;
}

at::Tensor Output(const TransformerChoices& choices, int64_t height, int64_t width,
                  at::ScalarType type) {
  return GoldenOutput(RecurrentTransformer(choices), 4, height, width, type);
}

// In fp64 to 1e-8; in fp32 to 1e-4, but for what a rounded mean flow moves that falls to the other
// side.
void ExpectGolden(const TransformerChoices& choices, const Summary& even, const Summary& odd) {
  const at::Tensor exact = Output(choices, 64, 64, at::kDouble);
  EXPECT_LT(Summary(exact).Distance(even), 1e-8);
  EXPECT_LT(Summary(Output(choices, 68, 76, at::kDouble)).Distance(odd), 1e-8);
  const at::Tensor rounded = Output(choices, 64, 64, at::kFloat).to(at::kDouble);
  EXPECT_LT((rounded - exact).abs().gt(1e-4).to(at::kDouble).mean().item<double>(), 0.01);
}

TEST(RecurrentTransformer, PsrtEqualsThePublicImplementation) {
  ExpectGolden(
      ChoicesOf(Golden<job::PsrtOptions>()),
      {0.5040712498,
       0.6592700647,
       {0.3592551392, 0.3848671560, 0.5827941796, 0.6702469872, 0.2208463090, 0.3909299582}},
      {0.5019827263,
       0.6652834911,
       {0.3786136118, 0.3852092176, 0.5877697653, 0.6702144996, 0.2225321952, 0.5635474998}});
}

TEST(RecurrentTransformer, IiabEqualsThePublicImplementation) {
  ExpectGolden(
      ChoicesOf(Golden<job::IiabOptions>()),
      {0.4639414402,
       0.4886126567,
       {0.2194088011, 0.5208857235, 0.4870547885, 0.4913203864, 0.2795428374, 0.4303213671}},
      {0.4615988937,
       0.4950089075,
       {0.2462233917, 0.5335347231, 0.4839905986, 0.4896229515, 0.2844260206, 0.6232963191}});
}

// No code of the authors is public: the numbers are those of a prototype of the same reading of the
// paper, written apart from this one.
TEST(RecurrentTransformer, LrtiVsrEqualsASecondReadingOfThePaper) {
  ExpectGolden(
      ChoicesOf(Golden<job::LrtiVsrOptions>()),
      {0.4713958852,
       0.7387752910,
       {0.4731697350, 0.5394737877, 0.8044644606, 0.8189246924, 0.3830587927, 0.4159500379}},
      {0.4654012339,
       0.7262231462,
       {0.4536344766, 0.4880216079, 0.8211725160, 0.8245844912, 0.3667887550, 0.5735120840}});
}

// softmax and mlp make lrti_vsr the IIAB network: the ablation changes nothing else.
TEST(RecurrentTransformer, LrtiVsrWithSoftmaxAndMlpIsIiab) {
  auto options = Golden<job::LrtiVsrOptions>();
  options.attention = job::Attention::kSoftmax;
  options.ffn = job::FeedForward::kMlp;
  const at::Tensor ours = Output(ChoicesOf(options), 16, 24, at::kDouble);
  EXPECT_TRUE(at::equal(ours, Output(ChoicesOf(Golden<job::IiabOptions>()), 16, 24, at::kDouble)));
}

int64_t Elements(const TransformerChoices& choices) {
  return ParameterCount(RecurrentTransformer(choices));
}

template <typename Options>
Options Deep(const std::vector<int64_t>& depths) {
  Options options;
  options.sizes.depths = depths;
  options.sizes.heads.assign(depths.size(), 6);
  return options;
}

TEST(RecurrentTransformer, HasThePublishedNumbersOfParameters) {
  EXPECT_EQ(Elements(ChoicesOf(job::PsrtOptions())), 13366943);
  EXPECT_EQ(Elements(ChoicesOf(Deep<job::PsrtOptions>({6}))), 6412223);
  EXPECT_EQ(Elements(ChoicesOf(job::IiabOptions())), 13172543);
  EXPECT_EQ(Elements(ChoicesOf(Deep<job::IiabOptions>({6}))), 6347423);
  EXPECT_EQ(Elements(ChoicesOf(job::LrtiVsrOptions())), 12882143);
  EXPECT_EQ(Elements(ChoicesOf(Deep<job::LrtiVsrOptions>({6}))), 6057023);
}

TEST(RecurrentTransformer, WithoutIdleConvolutionsOrWithSeparateProjectionsCountsDiffer) {
  auto options = Deep<job::LrtiVsrOptions>({6});
  options.idle_convs = job::IdleConvs::kNone;
  EXPECT_EQ(Elements(ChoicesOf(options)), 5780287);
  options.idle_convs = job::IdleConvs::kAll;
  EXPECT_EQ(Elements(ChoicesOf(options)), 6347423);
  options.idle_convs = job::IdleConvs::kReconstruction;
  options.rgu_projection = job::RguProjection::kSeparate;
  EXPECT_EQ(Elements(ChoicesOf(options)), 6057023 + 24 * 80);
}

using Shapes = std::map<std::string, std::vector<int64_t>>;

void AddLayer(Shapes& shapes, const std::string& name, const std::vector<int64_t>& weight) {
  shapes[name + ".weight"] = weight;
  shapes[name + ".bias"] = {weight[0]};
}

void AddBlock(Shapes& shapes, const std::string& block, int64_t distances) {
  AddLayer(shapes, block + ".norm1", {120});
  shapes[block + ".attn.relative_position_bias_table"] = {distances, 6};
  AddLayer(shapes, block + ".attn.qkv", {360, 120});
  AddLayer(shapes, block + ".attn.proj", {120, 120});
  AddLayer(shapes, block + ".norm2", {120});
  AddLayer(shapes, block + ".mlp.fc1", {240, 120});
  AddLayer(shapes, block + ".mlp.fc2", {120, 240});
}

// Names and shapes of the published networks with depths [2, 1], SPyNet aside.
Shapes PublishedShapes(int64_t distances) {
  Shapes shapes;
  AddLayer(shapes, "conv_before_upsample", {64, 120, 3, 3});
  AddLayer(shapes, "conv_first", {120, 3, 3, 3});
  for (const char* name : {"backward_1", "forward_1", "backward_2", "forward_2"}) {
    const std::string branch = std::string("patch_align.") + name;
    AddLayer(shapes, branch + ".conv_first", {120, 3, 3, 3});
    AddLayer(shapes, branch + ".conv_first_feat", {120, 64, 3, 3});
    AddLayer(shapes, branch + ".conv_before_upsample", {64, 120, 3, 3});
    AddLayer(shapes, branch + ".patch_embed.norm", {120});
    for (const char* block :
         {"0.residual_group.blocks.0", "0.residual_group.blocks.1", "1.residual_group.blocks.0"}) {
      AddBlock(shapes, branch + ".layers." + block, distances);
    }
    AddLayer(shapes, branch + ".layers.0.conv", {120, 120, 3, 3});
    AddLayer(shapes, branch + ".layers.1.conv", {120, 120, 3, 3});
    AddLayer(shapes, branch + ".norm", {120});
    AddLayer(shapes, branch + ".conv_after_body", {120, 120, 3, 3});
  }
  AddLayer(shapes, "upconv1", {256, 64, 3, 3});
  AddLayer(shapes, "upconv2", {256, 64, 3, 3});
  AddLayer(shapes, "conv_hr", {64, 64, 3, 3});
  AddLayer(shapes, "conv_last", {3, 64, 3, 3});
  return shapes;
}

Shapes ShapesOf(const TransformerChoices& choices) {
  Shapes shapes;
  for (const auto& parameter : RecurrentTransformer(choices).named_parameters()) {
    if (parameter.key().starts_with("spynet.")) continue;
    shapes[parameter.key()] = parameter.value().sizes().vec();
  }
  return shapes;
}

TEST(RecurrentTransformer, HasTheNamesAndShapesOfThePublishedNetworks) {
  EXPECT_EQ(ShapesOf(ChoicesOf(Deep<job::PsrtOptions>({2, 1}))), PublishedShapes(1125));
  EXPECT_EQ(ShapesOf(ChoicesOf(Deep<job::IiabOptions>({2, 1}))), PublishedShapes(675));
}

class SmallTransformer : public testing::Test {
 protected:
  static TransformerChoices Choices(double drop_path) {
    job::LrtiVsrOptions options;
    options.sizes = {.embed_dim = 8,
                     .depths = {2, 2},
                     .heads = {2, 2},
                     .window = 8,
                     .mid_channels = 4,
                     .tail_channels = 4,
                     .drop_path = drop_path};
    return ChoicesOf(options);
  }

  static Clip ClipFor(Model& network) {
    Clip clip;
    torch::manual_seed(5);
    clip.frames = at::rand({1, 3, 3, 16, 16});
    clip.flows = network.EstimateFlows(clip.frames);
    return clip;
  }
};

TEST_F(SmallTransformer, FlowsTakeNoGradient) {
  RecurrentTransformer network(Choices(0));
  Clip clip = ClipFor(network);
  EXPECT_FALSE(clip.flows.forward.requires_grad());
  clip.flows.forward.requires_grad_();
  clip.flows.backward.requires_grad_();
  network.Forward(clip, nullptr).sum().backward();
  EXPECT_FALSE(clip.flows.forward.grad().defined());
  EXPECT_FALSE(clip.flows.backward.grad().defined());
}

TEST_F(SmallTransformer, LeavesBlocksOutInTrainingAlone) {
  RecurrentTransformer network(Choices(0.5));
  const Clip clip = ClipFor(network);
  const torch::NoGradGuard no_grad;
  const at::Tensor first = network.Forward(clip, nullptr);
  EXPECT_FALSE(at::equal(network.Forward(clip, nullptr), first));
  network.eval();
  const at::Tensor quiet = network.Forward(clip, nullptr);
  EXPECT_TRUE(at::equal(network.Forward(clip, nullptr), quiet));
}

TEST_F(SmallTransformer, ComputesAgainWithTheBlocksThatWereLeftOut) {
  RecurrentTransformer network(Choices(0.5));
  const Clip clip = ClipFor(network);
  const auto gradient = [&](bool checkpointing) {
    network.zero_grad();
    network.SetActivationCheckpointing(checkpointing);
    torch::manual_seed(7);
    network.Forward(clip, nullptr).square().sum().backward();
    return network.named_parameters()["conv_first.weight"].grad().clone();
  };
  const at::Tensor kept = gradient(false);
  EXPECT_TRUE(at::allclose(gradient(true), kept, 1e-4, 1e-6 * kept.abs().max().item<double>()));
}

TEST_F(SmallTransformer, SaysHowLargeFramesHaveToBe) {
  RecurrentTransformer network(Choices(0));
  Clip clip;
  clip.frames = at::rand({1, 1, 3, 4, 16});
  try {
    network.Forward(clip, nullptr);
    FAIL() << "4 rows are half a window";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("at least 5x5"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace lrti::nn
