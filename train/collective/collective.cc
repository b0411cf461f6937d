#include "train/collective/collective.h"

#include <c10/util/Exception.h>

#include <string>

#include "common/base/status.h"

namespace lrti::train {

absl::StatusOr<uint64_t> Collective::OfFirst(uint64_t number) {
  // In two halves, since a double holds 53 bits.
  const auto half = [&](uint64_t bits) { return first() ? static_cast<double>(bits) : 0.0; };
  LRTI_ASSIGN_OR_RETURN(const std::vector<double> sums,
                        Sum({half(number >> 32), half(number & 0xffffffff)}));
  return static_cast<uint64_t>(sums[0]) << 32 | static_cast<uint64_t>(sums[1]);
}

absl::Status LostRank(const std::exception& error) {
  const auto* const ours = dynamic_cast<const c10::Error*>(&error);
  std::string text = ours != nullptr ? ours->what_without_backtrace() : error.what();
  text = text.substr(0, text.find(". This is typically"));  // Gloo's advice
  return Error(absl::StatusCode::kUnavailable,
               "another rank was lost, or did not answer in time; start all ranks again with "
               "--continue ({})",
               text);
}

}  // namespace lrti::train
