#include "nn/models/registry.h"

#include <memory>
#include <variant>

#include "nn/models/basic_vsr.h"
#include "nn/models/model.h"

namespace lrti::nn {
namespace {

// The registry: an overload for each alternative of job::ModelConfig. A missing one does not
// compile.
std::shared_ptr<Model> Make(const job::BasicVsrOptions& options) {
  return std::make_shared<BasicVsr>(options);
}

job::BasicVsrOptions SmallBasicVsr(job::Flow flow) {
  job::BasicVsrOptions options;
  options.channels = 8;
  options.blocks = 2;
  options.tail_channels = 4;
  options.flow = flow;
  return options;
}

}  // namespace

std::shared_ptr<Model> MakeModel(const job::ModelConfig& config) {
  return std::visit([](const auto& options) { return Make(options); }, config);
}

std::vector<RegisteredModel> RegisteredModels() {
  return {{"basicvsr", SmallBasicVsr(job::Flow::kSpynet)},
          {"basicvsr_without_flow", SmallBasicVsr(job::Flow::kNone)}};
}

}  // namespace lrti::nn
