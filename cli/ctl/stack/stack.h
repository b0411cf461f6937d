#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::ctl {

/// A program that was started. Its number alone may be another's by now; with its start time it is
/// one process for ever.
struct StackProgram {
  std::string name;  // lrti-coordinator
  int64_t pid = 0;
  uint64_t started = 0;  // as /proc/PID/stat says it
  std::string log;
};

/// What runs on this machine, and where it is reached. Addresses stay after the programs have
/// ended, so that the next ones are at the same places.
struct Stack {
  std::vector<StackProgram> programs;  // in the order of their start
  std::string coordinator;             // host:port
  std::string coordinator_http;
  std::string cache;  // data plane
  std::string cache_control;
  std::string cache_http;
  std::string cache_socket;  // empty: none
  std::string worker_http;

  /// How jobs reach the cache.
  std::string CacheEndpoint() const;
};

/// Whether the process still runs; a zombie does not.
bool IsRunning(const StackProgram& program);

/// Whether any of them does.
bool IsRunning(const Stack& stack);

/// The stack's file in a state folder.
std::string StackFile(const std::string& state);

/// Errors: NotFound where there was never one; DataLoss naming the file.
absl::StatusOr<Stack> ReadStack(const std::string& state);
absl::Status WriteStack(const std::string& state, const Stack& stack);

}  // namespace lrti::ctl
