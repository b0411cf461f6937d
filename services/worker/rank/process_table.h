#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lrti::worker {

/// A process for good: a number alone may be given to another process later.
struct ProcessId {
  int64_t pid = 0;
  uint64_t start = 0;  // clock ticks since the machine came up

  bool operator==(const ProcessId&) const = default;
};

/// A line of the system's table of processes.
struct ProcessEntry {
  ProcessId id;
  int64_t parent = 0;
  int64_t group = 0;
  char state = '?';  // as in /proc/PID/stat

  /// Ended, and only waits for its parent to ask how.
  bool dead() const { return state == 'Z' || state == 'X'; }
};

/// The entry of `pid`, if there is such a process.
std::optional<ProcessEntry> FindProcess(int64_t pid);

/// Whether just this process, and no later one of the same number, is there and has not ended.
bool IsAlive(const ProcessId& process);

/// All living processes whose line of parents leads to `ancestor`, itself left out.
std::vector<ProcessEntry> DescendantsOf(int64_t ancestor);

/// All living processes that were started with this `NAME=value` in their environment. What belongs
/// to another user is not seen.
std::vector<ProcessEntry> ProcessesWith(const std::string& variable);

/// Sends `signal` if the process is still the same one. Whether it was there.
bool SignalProcess(const ProcessId& process, int signal);

/// Names this run of the machine: another one after every restart of it.
std::string BootId();

}  // namespace lrti::worker
