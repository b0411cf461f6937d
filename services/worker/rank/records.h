#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/worker/rank/process_table.h"

/// What agent and shim write for each other, as JSON files of a rank's folder. Either may be of a
/// newer release than the other: fields that one does not know are ignored.
namespace lrti::worker {

/// The descriptor by which a trainer inherits the rendezvous' socket.
inline constexpr int kStoreSocket = 3;

/// What the shim shall start.
struct LaunchRecord {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // all of it
  std::string alive_path;                          // touched while an agent watches
  absl::Duration orphan_grace = absl::Hours(24);   // the trainer may run so long without an agent
  absl::Duration stop_grace = absl::Seconds(60);   // then it has so long to save
  bool store_socket = false;                       // whether kStoreSocket is the rendezvous' socket
};

/// Who was started.
struct PidRecord {
  ProcessId shim;
  ProcessId trainer;
  std::string boot;    // BootId()
  std::string cgroup;  // folder; empty: none could be made
};

/// How the trainer ended.
struct ExitRecord {
  int64_t code = 0;  // when signal is 0
  int64_t signal = 0;
  absl::Time time;
  uint64_t host_oom_kills = 0;  // by the kernel for want of memory, in the last second
  bool orphaned = false;        // ended by the shim: no agent came back
  std::string trouble;          // why it could not be started; empty: it was
};

std::string ToJson(const LaunchRecord& record);
std::string ToJson(const PidRecord& record);
std::string ToJson(const ExitRecord& record);

/// Errors: as ReadFile; DataLoss for a file that is damaged.
absl::StatusOr<LaunchRecord> ReadLaunchRecord(const std::string& path);
absl::StatusOr<PidRecord> ReadPidRecord(const std::string& path);
absl::StatusOr<ExitRecord> ReadExitRecord(const std::string& path);

}  // namespace lrti::worker
