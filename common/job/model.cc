#include "common/job/model.h"

namespace lrti::job {
namespace {

int64_t OrderOf(const BasicVsrOptions&) { return 1; }
int64_t OrderOf(const BasicVsrPlusPlusOptions&) { return 2; }
int64_t OrderOf(const FrvsrOptions&) { return 1; }
int64_t OrderOf(const PsrtOptions&) { return 2; }
int64_t OrderOf(const IiabOptions&) { return 2; }
int64_t OrderOf(const LrtiVsrOptions&) { return 2; }

}  // namespace

int64_t Order(const ModelConfig& model) {
  return std::visit([](const auto& options) { return OrderOf(options); }, model);
}

}  // namespace lrti::job
