#include "cli/ctl/commands/follow.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kFirstWait = absl::Milliseconds(250);
constexpr absl::Duration kLongestWait = absl::Seconds(5);

// Errors after which the same stream can go on where it was.
bool CanGoOn(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsOutOfRange(status);
}

}  // namespace

absl::Status KeepReading(Session& session, const std::function<absl::Status()>& read,
                         const std::function<bool()>& progress, absl::Duration away_max,
                         absl::Duration connected_least) {
  absl::Duration wait = kFirstWait;
  absl::Time away_since = absl::Now();
  bool said = false;
  while (true) {
    const absl::Time began = absl::Now();
    const absl::Status status = read();
    const absl::Time now = absl::Now();
    if (session.interrupt().asked()) return absl::CancelledError("interrupted");
    if (!CanGoOn(status)) return status;
    // A call that waited in vain for its answer was not connected.
    const bool connected = now - began >= connected_least && !absl::IsDeadlineExceeded(status);
    if (progress() || connected) {
      wait = kFirstWait;
      away_since = now;
      said = false;
    }
    if (now - away_since >= away_max) return status;
    if (!said) session.console().Say(Message(status) + "; it is tried again, nothing is lost");
    said = true;
    if (session.interrupt().WaitFor(wait)) return absl::CancelledError("interrupted");
    wait = std::min(2 * wait, kLongestWait);
  }
}

int Detached(const Session& session, const std::string& job, const std::string& next) {
  session.console().Say("");
  session.console().Say(
      fmt::format("{} goes on; {} looks again, lrti-ctl cancel {} ends it", job, next, job));
  return kInterrupted;
}

}  // namespace lrti::ctl
