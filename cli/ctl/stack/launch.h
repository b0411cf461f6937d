#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/ctl/stack/stack.h"
#include "common/base/open_file.h"

namespace lrti::ctl {

/// A line for the person who waits.
using Say = std::function<void(const std::string&)>;

struct LaunchOptions {
  std::string state;                            // folder of all that the programs keep
  std::string programs;                         // folder of the programs
  int64_t cpu_slots = 0;                        // of the worker; 0: as it decides
  std::string trainer;                          // path of lrti-vsr; empty: beside the worker
  absl::Duration ready_in = absl::Seconds(30);  // each program
};

struct Launched {
  Stack stack;
  bool was_up = false;  // all ran already; nothing was done
};

/// Starts lrti-cache, lrti-coordinator and lrti-worker on loopback, each when the one before is
/// ready, and writes down where they are. What ran already goes on; what of a stack has died is
/// started again. On an error, what was started here is ended.
/// Errors: Internal with the last lines of a program that did not come up; FailedPrecondition
/// when another lrti-ctl is at it; those of files.
absl::StatusOr<Launched> Launch(const LaunchOptions& options, const Say& say);

/// Held while a stack is started or ended. Errors: FailedPrecondition when another holds it.
absl::StatusOr<OpenFile> LockStack(const std::string& state);

/// The folder of the running program.
std::string OwnFolder();

}  // namespace lrti::ctl
