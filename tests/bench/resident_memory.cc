#include "tests/bench/resident_memory.h"

#include <cstdio>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::bench {
namespace {

constexpr const char* kStatus = "/proc/self/status";
constexpr const char* kClear = "/proc/self/clear_refs";

absl::StatusOr<int64_t> StatusField(const std::string& name) {
  LRTI_ASSIGN_OR_RETURN(const std::string text, ReadFile(kStatus, 1 << 16));
  const size_t at = text.find("\n" + name + ":");
  long long kibibytes = 0;
  if (at == std::string::npos ||
      std::sscanf(text.c_str() + at + name.size() + 2, "%lld kB", &kibibytes) != 1) {
    return DataLoss("{}: no field {} in kB", kStatus, name);
  }
  return static_cast<int64_t>(kibibytes) * 1024;
}

}  // namespace

absl::StatusOr<int64_t> ResidentBytes() { return StatusField("VmRSS"); }

absl::StatusOr<int64_t> PeakResidentBytes() { return StatusField("VmHWM"); }

absl::Status ForgetPeak() {
  std::FILE* const file = std::fopen(kClear, "w");
  if (file == nullptr)
    return Error(absl::StatusCode::kUnavailable, "{}: cannot be written", kClear);
  const bool written = std::fputs("5", file) >= 0;
  const bool closed = std::fclose(file) == 0;
  if (written && closed) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "{}: cannot be written", kClear);
}

}  // namespace lrti::bench
