#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lrti::coordinator {

/// What an agent says in Sync; the fields mean what proto/lrti/v1/worker.proto says.
struct DeviceReport {
  std::string uuid;
  std::string model;
  uint64_t memory_bytes = 0;
  uint64_t memory_used_bytes = 0;
  std::string state;  // free, busy, leaked
};

struct RankExit {
  int64_t code = 0;
  int64_t signal = 0;
  std::string end_reason;
  std::string message;
  absl::Time time;
  std::vector<std::string> last_lines;
};

struct RankReport {
  int64_t rank = 0;
  std::string device;
  std::string state;  // starting, running, exited
  int64_t pid = 0;
  int64_t step = 0;
  int64_t iterations = 0;
  int64_t resumed_from = 0;
  std::string phase;
  absl::Duration phase_age;
  absl::Duration heartbeat_age;
  uint64_t memory_bytes = 0;
  uint64_t memory_peak_bytes = 0;
  double loss = 0;
  double psnr = 0;
  double steps_per_second = 0;
  int64_t checkpoint_step = 0;
  absl::Duration checkpoint_time;
  std::optional<RankExit> exit;
  std::optional<absl::Time> spawned;
  std::optional<absl::Time> loaded;
  std::optional<absl::Time> first_step;
};

struct StallReport {
  int64_t rank = 0;
  std::string verdict;
};

struct AttemptReport {
  std::string job;
  int64_t attempt = 0;
  std::vector<RankReport> ranks;
  std::string rendezvous;
  bool gone = false;
  std::optional<StallReport> stall;
};

struct AgentReport {
  std::string agent;
  uint64_t incarnation = 0;
  std::string address;
  std::string version;
  std::vector<DeviceReport> devices;
  std::vector<AttemptReport> attempts;
  bool draining = false;
  std::string trouble;
};

inline constexpr size_t kDevicesMax = 1024;        // of an agent
inline constexpr size_t kAttemptsMax = 4096;       // in a report
inline constexpr size_t kRanksReportedMax = 4096;  // of an attempt

/// What no agent of ours ever says: empty or overlong names, a device or an attempt named twice,
/// lists beyond the bounds. Errors: InvalidArgument.
absl::Status CheckReport(const AgentReport& report);

}  // namespace lrti::coordinator
