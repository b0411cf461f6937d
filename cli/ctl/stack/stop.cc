#include "cli/ctl/stack/stop.h"

#include <algorithm>
#include <csignal>

#include "cli/ctl/stack/process.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kKillIn = absl::Seconds(10);
constexpr const char* kWorker = "lrti-worker";

// Whether it ended by itself.
absl::StatusOr<bool> EndProgram(const StackProgram& program, const StopOptions& options,
                                const Say& say) {
  auto process = Process::Hold(program.pid, program.started);
  if (!process.ok()) return true;
  say(fmt::format("ending {} ...", program.name));
  // An agent may die at any time and its trainers go on; asked gently, it would end them.
  const bool leave = options.keep_jobs && program.name == kWorker;
  if (!leave) {
    LRTI_RETURN_IF_ERROR(process->Signal(SIGTERM));
    if (process->WaitEnd(options.grace)) return true;
    say(fmt::format("{} did not end in {}; it is killed", program.name,
                    absl::FormatDuration(options.grace)));
  }
  LRTI_RETURN_IF_ERROR(process->Signal(SIGKILL));
  if (process->WaitEnd(kKillIn)) return leave;
  return Error(absl::StatusCode::kInternal, "{} (process {}) does not end, even when killed",
               program.name, program.pid);
}

}  // namespace

absl::StatusOr<Stopped> Stop(const StopOptions& options, const Say& say) {
  const absl::StatusOr<OpenFile> lock = LockStack(options.state);
  if (absl::IsNotFound(lock.status())) return Stopped{.was_down = true};  // no folder
  if (!lock.ok()) return lock.status();
  absl::StatusOr<Stack> stack = ReadStack(options.state);
  if (absl::IsNotFound(stack.status())) return Stopped{.was_down = true};
  if (!stack.ok()) return stack.status();
  Stopped stopped{.was_down = !IsRunning(*stack)};
  std::reverse(stack->programs.begin(), stack->programs.end());
  for (const StackProgram& program : stack->programs) {
    LRTI_ASSIGN_OR_RETURN(const bool gently, EndProgram(program, options, say));
    if (!gently) stopped.forced = true;
  }
  stack->programs.clear();
  LRTI_RETURN_IF_ERROR(WriteStack(options.state, *stack));
  return stopped;
}

}  // namespace lrti::ctl
