#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

std::string_view KindOf(const Update& update) {
  return std::visit([](const auto& fact) { return std::string_view(fact.kKind); }, update);
}

const std::string& JobOf(const Update& update) {
  static const std::string none;
  return std::visit(
      [](const auto& fact) -> const std::string& {
        if constexpr (requires { fact.submission; }) {
          return fact.submission->job;
        } else if constexpr (requires { fact.job; }) {
          return fact.job;
        } else {
          return none;
        }
      },
      update);
}

}  // namespace lrti::coordinator
