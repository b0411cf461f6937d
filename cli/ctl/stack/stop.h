#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/ctl/stack/launch.h"
#include "cli/ctl/stack/stack.h"

namespace lrti::ctl {

struct StopOptions {
  std::string state;
  bool keep_jobs = false;  // trainers go on without an agent; the next one finds them again
  // Each program; more than lrti-worker takes until it has killed a trainer that does not end.
  absl::Duration grace = absl::Minutes(3);
};

struct Stopped {
  bool was_down = false;
  bool forced = false;  // one did not end in time and was killed
};

/// Ends the programs of a stack in the reverse order of their start. The worker saves and ends its
/// trainers first, unless `keep_jobs`. Errors: as LockStack and ReadStack; PermissionDenied for the
/// programs of another user; Internal for one that cannot be killed.
absl::StatusOr<Stopped> Stop(const StopOptions& options, const Say& say);

}  // namespace lrti::ctl
