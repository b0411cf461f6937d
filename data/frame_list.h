#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::data {

/// The frame files of a folder, in order.
struct FrameList {
  std::vector<std::string> paths;
  std::vector<int64_t> numbers;  // as the names say; empty when the names are not numbered
};

/// Lists the images of a folder in natural order of their names; other files and hidden ones are
/// passed over. Names that differ in one number alone are numbered.
///
/// Errors: InvalidArgument for fewer than two images, or a number that is missing or doubled.
absl::StatusOr<FrameList> ListFrames(const std::string& folder);

}  // namespace lrti::data
