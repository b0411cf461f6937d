#include "common/job/model.h"

namespace lrti::job {
namespace {

int64_t OrderOf(const BasicVsrOptions&) { return 1; }

}  // namespace

int64_t Order(const ModelConfig& model) {
  return std::visit([](const auto& options) { return OrderOf(options); }, model);
}

}  // namespace lrti::job
