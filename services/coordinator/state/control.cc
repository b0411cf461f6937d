#include "services/coordinator/state/control.h"

#include "common/base/status.h"
#include "services/coordinator/state/text.h"
#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {
namespace {

using enum JobState;

constexpr size_t kMessageBytesMax = 1024;

absl::Status Refused(const JobRecord& job, std::string_view verb, std::string_view advice) {
  return Error(absl::StatusCode::kFailedPrecondition, "{} is {} and cannot be {}; {}", job.id(),
               lifecycle::NameOf(job.state), verb, advice);
}

Updates To(const JobRecord& job, JobState state, EndReason reason, std::string_view verb,
           const std::string& actor) {
  return {ChangeOf(job, state, std::string(lifecycle::NameOf(reason)),
                   fmt::format("{} by {}", verb, actor.empty() ? "somebody" : actor), actor)};
}

Updates Back(const JobRecord& job, std::string_view verb, const std::string& actor) {
  return {ChangeOf(job, kPending, "",
                   fmt::format("{} by {}", verb, actor.empty() ? "somebody" : actor), actor)};
}

}  // namespace

absl::StatusOr<Updates> Pause(const Book& book, const std::string& name, const std::string& actor) {
  LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(book, name));
  switch (job->state) {
    case kPausing:
    case kPaused:
      return Updates();
    case kPending:
      return To(*job, kPaused, EndReason::kUserPaused, "paused", actor);
    case kAdmitted:
    case kStarting:
    case kRunning:
    case kCheckpointing:
    case kRestarting:
      return To(*job, kPausing, EndReason::kUserPaused, "paused", actor);
    case kStopping:
    case kCancelling:
      return Refused(*job, "paused", "it is ending; wait for that");
    case kSucceeded:
      return Refused(*job, "paused", "it is done");
    case kFailed:
    case kCancelled:
      return Refused(*job, "paused", "it has ended; lrti-ctl retry begins it again");
  }
  return Updates();
}

absl::StatusOr<Updates> Resume(const Book& book, const std::string& name,
                               const std::string& actor) {
  LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(book, name));
  switch (job->state) {
    case kPaused:
      return Back(*job, "resumed", actor);
    case kPending:
      return job->hold ? Updates{HoldReleased{job->id(), actor}} : Updates();
    case kAdmitted:
    case kStarting:
    case kRunning:
    case kCheckpointing:
    case kRestarting:
      return Updates();
    case kPausing:
      return Refused(*job, "resumed", "it is saving; resume it when it is PAUSED");
    case kStopping:
    case kCancelling:
      return Refused(*job, "resumed", "it is ending; wait for that");
    case kSucceeded:
      return Refused(*job, "resumed", "it is done");
    case kFailed:
    case kCancelled:
      return Refused(*job, "resumed", "it has ended; lrti-ctl retry begins it again");
  }
  return Updates();
}

absl::StatusOr<Updates> Cancel(const Book& book, const std::string& name,
                               const std::string& actor) {
  LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(book, name));
  switch (job->state) {
    case kCancelling:
    case kCancelled:
      return Updates();
    case kPending:
    case kPaused:
      return To(*job, kCancelled, EndReason::kUserCancelled, "cancelled", actor);
    case kSucceeded:
    case kFailed:
      return Refused(*job, "cancelled", "it has ended");
    default:
      return To(*job, kCancelling, EndReason::kUserCancelled, "cancelled", actor);
  }
}

absl::StatusOr<Updates> Retry(const Book& book, const std::string& name, const std::string& actor) {
  LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(book, name));
  switch (job->state) {
    case kFailed:
    case kCancelled: {
      StateChanged change =
          ChangeOf(*job, kPending, "", fmt::format("tried again by {}", actor), actor);
      change.fresh_budgets = true;
      return Updates{change};
    }
    case kPending:
      if (job->not_before == absl::ZeroDuration()) return Updates();
      return Updates{BackoffCleared{job->id(), actor}};
    case kSucceeded:
      return Refused(*job, "tried again", "it is done; submit it again for another run");
    case kPaused:
      return Refused(*job, "tried again", "lrti-ctl resume goes on with it");
    default:
      return Refused(*job, "tried again", "only FAILED, CANCELLED and waiting jobs can");
  }
}

absl::StatusOr<Updates> SetPriority(const Book& book, const std::string& name, int64_t priority,
                                    const std::string& actor) {
  LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(book, name));
  if (priority < 0 || priority > 100) {
    return InvalidArgument("priority: {} is not between 0 and 100", priority);
  }
  if (lifecycle::IsFinal(job->state)) return Refused(*job, "given a priority", "it has ended");
  if (job->priority == priority) return Updates();
  return Updates{PriorityChanged{job->id(), priority, actor}};
}

absl::StatusOr<Updates> SetAgentMode(const Book& book, const std::string& agent, AgentMode mode,
                                     const std::string& message, const std::string& actor) {
  const auto it = book.agents.find(agent);
  if (it == book.agents.end()) {
    return Error(absl::StatusCode::kNotFound, "no agent '{}'; lrti-ctl agents ls names them",
                 agent);
  }
  const AgentRecord& record = it->second;
  const std::string said = CleanLine(message, kMessageBytesMax);
  const bool clears = mode == AgentMode::kReady && !record.faulty.empty();
  const bool same = record.mode == mode && (record.message == said || said.empty());
  if (same && !clears) return Updates();
  return Updates{AgentChanged{agent, mode, record.lost, said, actor, clears}};
}

}  // namespace lrti::coordinator
