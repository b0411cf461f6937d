#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace lrti::coordinator {

/// `text` as one line of at most `bytes_max` bytes of UTF-8: what is not is replaced by '?', breaks
/// and control letters by blanks. What strangers say goes through here before it is kept.
std::string CleanLine(std::string_view text, size_t bytes_max);

/// Whole microseconds, as the journal keeps them.
absl::Time Micros(absl::Time time);
absl::Duration Micros(absl::Duration duration);

/// "16.0 GiB".
std::string GibText(uint64_t bytes);

/// "1 GPU", "3 GPUs".
std::string GpusText(int64_t count);

}  // namespace lrti::coordinator
