#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

// What people ask of a job. Idempotent: what is so already needs no update. `name` is an id or an
// unambiguous beginning of one. Errors: as JobNamed; FailedPrecondition for a state that forbids
// it, naming what is allowed.

absl::StatusOr<Updates> Pause(const Book& book, const std::string& name, const std::string& actor);

/// Ends a pause or a hold.
absl::StatusOr<Updates> Resume(const Book& book, const std::string& name, const std::string& actor);

absl::StatusOr<Updates> Cancel(const Book& book, const std::string& name, const std::string& actor);

/// Begins a failed or cancelled job again; lets one that waits for its backoff begin at once.
absl::StatusOr<Updates> Retry(const Book& book, const std::string& name, const std::string& actor);

/// Errors: InvalidArgument outside 0 to 100, too.
absl::StatusOr<Updates> SetPriority(const Book& book, const std::string& name, int64_t priority,
                                    const std::string& actor);

// What people ask of an agent. kReady also gives its faulty GPUs another chance. Errors: NotFound.

absl::StatusOr<Updates> SetAgentMode(const Book& book, const std::string& agent, AgentMode mode,
                                     const std::string& message, const std::string& actor);

}  // namespace lrti::coordinator
