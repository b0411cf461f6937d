#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::vsr {

/// Size of an LR frame on the command line, height first as in the papers: "180x320".
struct FrameSize {
  int64_t height = 180;
  int64_t width = 320;

  std::string Text() const;
};

/// Errors: InvalidArgument for other text, and for sides below 1 or above 4096.
absl::StatusOr<FrameSize> ParseFrameSize(const std::string& text);

}  // namespace lrti::vsr
