#include "cli/ctl/commands/wait_for.h"

#include <algorithm>
#include <optional>

#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/output/human.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(300);

std::string EndText(const v1::Job& job) {
  std::string text = fmt::format("{} {}: {}", job.id(), job.name(), job.state());
  if (!job.end_reason().empty()) text += fmt::format(" ({})", job.end_reason());
  if (!job.message().empty()) text += ", " + job.message();
  return text;
}

std::string StandText(const v1::Job& job) {
  std::string text = fmt::format("{} {}", job.name(), job.state());
  if (!job.pending_reason().empty()) text += fmt::format(" ({})", job.pending_reason());
  const v1::Progress& progress = job.progress();
  if (progress.iterations() > 0) {
    text += fmt::format("  step {}/{}", progress.step(), progress.iterations());
  }
  return text;
}

// A line on a terminal that is written over.
class StandingLine {
 public:
  explicit StandingLine(const Console& console)
      : console_(console), drawn_(console.err_is_terminal && !console.quiet) {}
  ~StandingLine() { Show(""); }
  StandingLine(const StandingLine&) = delete;
  StandingLine& operator=(const StandingLine&) = delete;

  void Show(const std::string& text) const {
    if (drawn_) console_.err("\r\x1b[K" + Cut(text, 100));
  }

 private:
  const Console& console_;
  const bool drawn_;
};

// Waits for one job; its exit code, or nothing while it goes on.
absl::StatusOr<std::optional<int>> LookAt(Session& session, const std::string& name,
                                          const StandingLine& line) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const absl::StatusOr<v1::Job> job = client->Get(name);
  if (absl::IsNotFound(job.status())) {
    line.Show("");
    session.Tell(job.status());
    return kJobUnknown;
  }
  if (!job.ok()) return job.status();
  const int code = ExitCodeOfState(job->state());
  line.Show(code == kJobGoesOn ? StandText(*job) : "");
  if (code == kJobGoesOn) return std::nullopt;
  session.console().Say(EndText(*job));
  return code;
}

absl::StatusOr<int> WaitForJob(Session& session, const std::string& name, absl::Time end) {
  const StandingLine line(session.console());
  while (true) {
    std::optional<int> code;
    const auto look = [&]() -> absl::Status {
      LRTI_ASSIGN_OR_RETURN(code, LookAt(session, name, line));
      return absl::OkStatus();
    };
    const absl::Duration left = std::max(end - absl::Now(), absl::ZeroDuration());
    const auto came = [] { return false; };
    LRTI_RETURN_IF_ERROR(KeepReading(session, look, came, std::min(left, kAwayMax)));
    if (code) return *code;
    if (absl::Now() >= end) {
      line.Show("");
      session.console().Say(name + " has not ended yet; lrti-ctl explain " + name + " says why");
      return kJobGoesOn;
    }
    if (session.interrupt().WaitFor(kPoll)) return absl::CancelledError("interrupted");
  }
}

}  // namespace

absl::StatusOr<int> WaitForJobs(Session& session, const std::vector<std::string>& jobs,
                                absl::Duration longest) {
  const absl::Time end = absl::Now() + longest;
  int first = kOk;
  for (const std::string& job : jobs) {
    LRTI_ASSIGN_OR_RETURN(const int code, WaitForJob(session, job, end));
    if (first == kOk) first = code;
  }
  return first;
}

}  // namespace lrti::ctl
