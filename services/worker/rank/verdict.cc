#include "services/worker/rank/verdict.h"

#include <string.h>

#include <algorithm>
#include <csignal>
#include <string_view>

#include "common/lifecycle/end_reason.h"
#include "fmt/format.h"
#include "services/worker/device/xid.h"
#include "services/worker/rank/log_tail.h"

namespace lrti::worker {
namespace {

using lifecycle::EndReason;

constexpr int64_t kBadInput = 2;
constexpr int64_t kTryAgain = 75;
constexpr int64_t kNeverAgain = 93;
constexpr int64_t kCannotExecute = 126;
constexpr int64_t kNoSuchProgram = 127;
constexpr size_t kMessageBytesMax = 1000;

Verdict Say(EndReason reason, const std::string& message) {
  return {.end_reason = std::string(NameOf(reason)), .message = message};
}

bool Mentions(const std::string& text, std::string_view word) {
  return text.find(word) != std::string::npos;
}

// What the trainer's own last words mean.
EndReason ReasonOf(const RankEvents::Failure& failure, const std::string& device) {
  // A model may be too large before `started` says where it is.
  const bool on_gpu = device.starts_with("cuda") || Mentions(failure.message, "CUDA out of memory");
  if (failure.code == "RESOURCE_EXHAUSTED" && !Mentions(failure.message, "disk full")) {
    if (on_gpu) return EndReason::kOomGpu;
    if (Mentions(failure.message, "memory")) return EndReason::kOomHost;
  }
  if (failure.code == "DATA_LOSS") {
    return Mentions(failure.message, "checkpoint") ? EndReason::kCheckpointUnreadable
                                                   : EndReason::kDataUnavailable;
  }
  if (failure.code == "NOT_FOUND" || failure.code == "UNAVAILABLE") {
    return EndReason::kDataUnavailable;
  }
  // A loss that is not finite is no fault of the trainer.
  if (Mentions(failure.message, "no weight was changed")) return EndReason::kUserError;
  return failure.code == "INTERNAL" ? EndReason::kInternal : EndReason::kUserError;
}

Verdict JudgeFailure(const RankEvents::Failure& failure, const std::string& device, int64_t code) {
  if (code == kTryAgain) return Say(EndReason::kNcclError, failure.message);
  if (code == kNeverAgain) return Say(EndReason::kUserError, failure.message);
  return Say(ReasonOf(failure, device), failure.message);
}

Verdict JudgeSuccess(const RankEvents& events) {
  if (!events.finished) {
    return Say(EndReason::kInternal, "ended with exit code 0, but never said that it finished");
  }
  if (*events.finished == "stopped" || *events.finished == "signal") {
    return {kStopped, fmt::format("saved and stopped at step {}", events.step)};
  }
  return Say(EndReason::kCompleted,
             fmt::format("finished at step {} ({})", events.step, *events.finished));
}

bool KilledForMemory(const ExitRecord& exit) {
  return exit.signal == SIGKILL && exit.host_oom_kills > 0;
}

Verdict JudgeSignal(const ExitRecord& exit, const RankEvents& events) {
  const std::string text = fmt::format("killed by {}, not by the agent, at step {} in phase {}",
                                       SignalText(exit.signal), events.step, events.phase);
  if (KilledForMemory(exit)) {
    return Say(EndReason::kOomHost, text + ": the kernel was out of memory");
  }
  return Say(EndReason::kInternal, text);
}

// A trainer that ended by a code of its own and left no `failed` event.
Verdict JudgeCode(int64_t code, const std::vector<std::string>& last_lines) {
  std::string text = fmt::format("exit code {}", code);
  if (!last_lines.empty()) text += ": " + last_lines.back();
  switch (code) {
    case kBadInput:
    case kNeverAgain:
      return Say(EndReason::kUserError, text);
    case kTryAgain:
      return Say(EndReason::kNcclError, text);
    case kCannotExecute:
    case kNoSuchProgram:
      return Say(EndReason::kInternal, "the trainer could not be started, " + text);
    default:
      return Say(EndReason::kInternal, text + "; it did not say why");
  }
}

Verdict JudgeWithoutRecord(const RankSight& sight) {
  if (sight.rebooted) return Say(EndReason::kNodeLost, "the machine restarted while it ran");
  return Say(EndReason::kInternal,
             "its supervisor ended without a record" +
                 (sight.shim_log.empty() ? "; was it killed?" : ": " + sight.shim_log));
}

Verdict Judge(const RankSight& sight, const RankEvents& events, const std::optional<Cause>& cause,
              const std::vector<std::string>& last_lines) {
  if (cause && cause->end_reason != kStopped) return {cause->end_reason, cause->text};
  if (!sight.exit) return JudgeWithoutRecord(sight);
  const ExitRecord& exit = *sight.exit;
  if (!exit.trouble.empty()) {
    return Say(EndReason::kInternal, "could not be started: " + exit.trouble);
  }
  if (exit.signal == 0 && exit.code == 0) return JudgeSuccess(events);
  if (events.failed) return JudgeFailure(*events.failed, events.device, exit.code);
  const bool asked = exit.signal == SIGTERM || exit.signal == SIGKILL;
  if (exit.orphaned && asked) {
    return Say(EndReason::kAgentLost, "ended by its supervisor: no agent came back in time");
  }
  if (cause && asked && !KilledForMemory(exit)) {
    return {kStopped, fmt::format("ended by the agent with {} at step {}: {}",
                                  SignalText(exit.signal), events.step, cause->text)};
  }
  return exit.signal != 0 ? JudgeSignal(exit, events) : JudgeCode(exit.code, last_lines);
}

}  // namespace

Verdict WithXids(Verdict verdict, const std::string& device, const std::vector<uint64_t>& xids) {
  if (xids.empty() || verdict.end_reason == NameOf(EndReason::kCompleted)) return verdict;
  std::string faults;
  XidKind worst = XidKind::kProgram;
  for (const uint64_t xid : xids) {
    if (!Mentions(faults, DescribeXid(xid)))
      faults += (faults.empty() ? "" : ", ") + DescribeXid(xid);
    worst = std::max(worst, KindOfXid(xid));
  }
  const bool stopped = verdict.end_reason == kStopped;
  if (worst == XidKind::kLost || (worst == XidKind::kSuspect && !stopped)) {
    verdict.end_reason = NameOf(EndReason::kGpuXid);
    verdict.message =
        fmt::format("the driver reported {} of {}; {}", faults, device, verdict.message);
  } else if (!stopped) {
    verdict.message += fmt::format("; the driver reported {} of {}", faults, device);
  }
  verdict.message = PlainText(verdict.message, kMessageBytesMax);
  return verdict;
}

std::string SignalText(int64_t signal) {
  const char* const name = ::sigabbrev_np(static_cast<int>(signal));
  return fmt::format("signal {} (SIG{})", signal, name == nullptr ? "?" : name);
}

Verdict JudgeExit(const RankSight& sight, const RankEvents& events,
                  const std::optional<Cause>& cause, const std::vector<std::string>& last_lines) {
  Verdict verdict = Judge(sight, events, cause, last_lines);
  verdict.message = PlainText(verdict.message, kMessageBytesMax);
  for (char& letter : verdict.message) letter = letter == '\n' ? ' ' : letter;
  return verdict;
}

}  // namespace lrti::worker
