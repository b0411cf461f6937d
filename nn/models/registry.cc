#include "nn/models/registry.h"

#include <memory>
#include <variant>

#include "nn/models/basic_vsr.h"
#include "nn/models/basic_vsr_plus_plus.h"
#include "nn/models/frvsr.h"
#include "nn/models/model.h"
#include "nn/models/recurrent_transformer.h"
#include "nn/models/transformer_choices.h"

namespace lrti::nn {
namespace {

// The registry: an overload for each alternative of job::ModelConfig. A missing one does not
// compile.
std::shared_ptr<Model> Make(const job::BasicVsrOptions& options) {
  return std::make_shared<BasicVsr>(options);
}
std::shared_ptr<Model> Make(const job::BasicVsrPlusPlusOptions& options) {
  return std::make_shared<BasicVsrPlusPlus>(options);
}
std::shared_ptr<Model> Make(const job::FrvsrOptions& options) {
  return std::make_shared<Frvsr>(options);
}
std::shared_ptr<Model> Make(const job::PsrtOptions& options) {
  return std::make_shared<RecurrentTransformer>(ChoicesOf(options));
}
std::shared_ptr<Model> Make(const job::IiabOptions& options) {
  return std::make_shared<RecurrentTransformer>(ChoicesOf(options));
}
std::shared_ptr<Model> Make(const job::LrtiVsrOptions& options) {
  return std::make_shared<RecurrentTransformer>(ChoicesOf(options));
}

job::BasicVsrOptions SmallBasicVsr(job::Flow flow) {
  job::BasicVsrOptions options;
  options.channels = 8;
  options.blocks = 2;
  options.tail_channels = 4;
  options.flow = flow;
  return options;
}

job::BasicVsrPlusPlusOptions SmallBasicVsrPlusPlus() {
  job::BasicVsrPlusPlusOptions options;
  options.channels = 8;
  options.blocks = 1;
  options.tail_channels = 4;
  options.offset_groups = 4;
  return options;
}

job::FrvsrOptions SmallFrvsr(job::FrvsrDegradation degradation) {
  job::FrvsrOptions options;
  options.features = 8;
  options.blocks = 2;
  options.degradation = degradation;
  return options;
}

template <typename Options>
Options SmallTransformer() {
  Options options;
  options.sizes = {.embed_dim = 8,
                   .depths = {2},
                   .heads = {2},
                   .window = 8,
                   .mid_channels = 4,
                   .tail_channels = 4,
                   .drop_path = 0};
  return options;
}

// The other side of each choice that is open.
job::LrtiVsrOptions OtherLrtiVsr() {
  auto options = SmallTransformer<job::LrtiVsrOptions>();
  options.sizes.window = 4;
  options.attention = job::Attention::kSoftmaxPositive;
  options.score_scale = job::ScoreScale::kEmbedding;
  options.attention_mean = true;
  options.rgu_projection = job::RguProjection::kSeparate;
  options.rgu_state = job::RguState::kRaw;
  options.missing_state = job::MissingState::kZero;
  options.frame_order = job::FrameOrder::kCentred;
  options.idle_convs = job::IdleConvs::kNone;
  return options;
}

// Idle convolutions of the recurrent transformers.
std::vector<std::string> IdleIn(const std::vector<std::string>& convs) {
  std::vector<std::string> idle;
  for (const char* branch : {"backward_1", "forward_1", "backward_2", "forward_2"}) {
    for (const std::string& conv : convs) {
      const std::string name = std::string("patch_align.") + branch + "." + conv;
      idle.push_back(name + ".weight");
      idle.push_back(name + ".bias");
    }
  }
  return idle;
}

}  // namespace

std::shared_ptr<Model> MakeModel(const job::ModelConfig& config) {
  return std::visit([](const auto& options) { return Make(options); }, config);
}

std::vector<RegisteredModel> RegisteredModels() {
  return {{"basicvsr", SmallBasicVsr(job::Flow::kSpynet)},
          {"basicvsr_without_flow", SmallBasicVsr(job::Flow::kNone)},
          {"basicvsr_plusplus", SmallBasicVsrPlusPlus()},
          {"frvsr_bi", SmallFrvsr(job::FrvsrDegradation::kBi)},
          {"frvsr_bd", SmallFrvsr(job::FrvsrDegradation::kBd)},
          {"psrt", SmallTransformer<job::PsrtOptions>(),
           IdleIn({"conv_first", "conv_first_feat", "conv_before_upsample"})},
          {"iiab", SmallTransformer<job::IiabOptions>(),
           IdleIn({"conv_first", "conv_first_feat", "conv_before_upsample"})},
          {"lrti_vsr", SmallTransformer<job::LrtiVsrOptions>(), IdleIn({"conv_before_upsample"})},
          {"lrti_vsr_otherwise", OtherLrtiVsr()}};
}

}  // namespace lrti::nn
