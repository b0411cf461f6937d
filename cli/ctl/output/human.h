#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lrti::ctl {

/// "45s", "3m20s", "1h02m", "3d04h"; less than nothing is "0s".
std::string ShortDuration(absl::Duration duration);

/// "12 B", "1.5 KiB", "412 MiB", "3.2 TiB": three digits or so.
std::string ShortBytes(uint64_t bytes);

/// "3m20s ago"; "in 12s" for what is to come; "-" for the epoch, which stands for no time.
std::string Ago(absl::Time time, absl::Time now);

/// "2026-03-01T10:00:00Z"; empty for the epoch.
std::string Rfc3339(absl::Time time);

/// GPU time in days as the papers print it: "0.00123", "1.25", "312".
std::string Days(double seconds);

/// `text` cut to `width` characters (not bytes), with "…" where something is missing.
std::string Cut(const std::string& text, size_t width);

/// Code points of UTF-8.
size_t Characters(const std::string& text);

/// Reads "90s", "12h", "1d12h", "2w". Errors: InvalidArgument.
absl::StatusOr<absl::Duration> ParseDuration(const std::string& text);

/// Reads a moment: "2026-03-01", "2026-03-01T10:00:00Z", or a duration before `now`.
/// Errors: InvalidArgument.
absl::StatusOr<absl::Time> ParseMoment(const std::string& text, absl::Time now);

}  // namespace lrti::ctl
