#include "cli/ctl/stack/launch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <vector>

#include "absl/time/clock.h"
#include "cli/ctl/stack/http_probe.h"
#include "cli/ctl/stack/ports.h"
#include "cli/ctl/stack/process.h"
#include "common/base/files.h"
#include "common/base/lock_file.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kProbe = absl::Milliseconds(500);
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr absl::Duration kEndIn = absl::Seconds(10);
constexpr size_t kSocketPathMax = 100;  // the system allows 107
constexpr size_t kLogLinesShown = 15;
constexpr uint64_t kLogBytesMax = uint64_t{1} << 30;

struct Part {
  std::string name;
  std::vector<std::string> flags;
  std::string http;
};

// Where things listen by default; remembered places come first.
struct Place {
  std::string Stack::*address;
  const char* standard;
};
constexpr std::array kPlaces = {
    Place{&Stack::coordinator, "127.0.0.1:7430"},
    Place{&Stack::coordinator_http, "127.0.0.1:7431"},
    Place{&Stack::worker_http, "127.0.0.1:7432"},
    Place{&Stack::cache, "127.0.0.1:7420"},
    Place{&Stack::cache_control, "127.0.0.1:7421"},
    Place{&Stack::cache_http, "127.0.0.1:7422"},
};

absl::Status ChoosePlaces(const std::string& state, Stack& stack) {
  for (const Place& place : kPlaces) {
    std::string& address = stack.*place.address;
    LRTI_ASSIGN_OR_RETURN(address, FreeAddress(address.empty() ? place.standard : address));
  }
  stack.cache_socket = JoinPath(state, "cache.sock");
  if (stack.cache_socket.size() > kSocketPathMax) stack.cache_socket = "";
  return absl::OkStatus();
}

std::vector<Part> PartsOf(const LaunchOptions& options, const Stack& stack) {
  Part cache{"lrti-cache",
             {"--listen", stack.cache, "--socket", stack.cache_socket, "--control",
              stack.cache_control, "--http", stack.cache_http},
             stack.cache_http};
  Part coordinator{
      "lrti-coordinator",
      {"--state", JoinPath(options.state, "coordinator"), "--listen", stack.coordinator, "--http",
       stack.coordinator_http, "--cache", stack.CacheEndpoint()},
      stack.coordinator_http};
  Part worker{"lrti-worker",
              {"--coordinator", stack.coordinator, "--spool", JoinPath(options.state, "worker"),
               "--http", stack.worker_http, "--on-exit", "drain"},
              stack.worker_http};
  if (options.cpu_slots > 0) {
    worker.flags.insert(worker.flags.end(), {"--cpu-slots", fmt::format("{}", options.cpu_slots)});
  }
  if (!options.trainer.empty()) {
    worker.flags.insert(worker.flags.end(), {"--trainer", options.trainer});
  }
  return {cache, coordinator, worker};
}

std::string LastLines(const std::string& path) {
  const auto text = ReadFile(path, kLogBytesMax);
  if (!text.ok()) return "";
  size_t begin = text->size();
  for (size_t line = 0; line <= kLogLinesShown && begin > 0; ++line) {
    begin = text->rfind('\n', begin - 1);
    if (begin == std::string::npos) begin = 0;
  }
  return text->substr(begin == 0 ? 0 : begin + 1);
}

absl::Status WaitReady(const Part& part, const StackProgram& program, absl::Duration longest) {
  const absl::Time end = absl::Now() + longest;
  while (true) {
    const absl::Status ready = AskReady(part.http, kProbe);
    if (ready.ok()) return ready;
    if (!IsRunning(program)) {
      return Error(absl::StatusCode::kInternal, "{} ended at its start; {} says:\n{}", part.name,
                   program.log, LastLines(program.log));
    }
    if (absl::Now() > end) {
      return Error(absl::StatusCode::kInternal, "{} was not ready in {}: {}; {} says:\n{}",
                   part.name, absl::FormatDuration(longest), Message(ready), program.log,
                   LastLines(program.log));
    }
    absl::SleepFor(kLook);
  }
}

// The program, written down; it may not be ready yet.
absl::StatusOr<StackProgram> StartPart(const Part& part, const LaunchOptions& options,
                                       Stack& stack) {
  const std::string path = JoinPath(options.programs, part.name);
  if (::access(path.c_str(), X_OK) != 0) {
    return Error(absl::StatusCode::kInternal,
                 "{} is missing; all programs of LRTI belong in one folder", path);
  }
  StackProgram program{part.name, 0, 0, JoinPath(options.state, "logs/" + part.name + ".log")};
  std::vector<std::string> command = {path};
  command.insert(command.end(), part.flags.begin(), part.flags.end());
  LRTI_ASSIGN_OR_RETURN(program.pid, StartDetached(command, program.log));
  program.started = StartTimeOf(program.pid);
  std::erase_if(stack.programs, [&](const StackProgram& old) { return old.name == program.name; });
  stack.programs.push_back(program);
  LRTI_RETURN_IF_ERROR(WriteStack(options.state, stack));
  return program;
}

void End(const StackProgram& program) {
  auto process = Process::Hold(program.pid, program.started);
  if (!process.ok()) return;
  if (process->Signal(SIGTERM).ok() && process->WaitEnd(kEndIn)) return;
  if (process->Signal(SIGKILL).ok()) process->WaitEnd(kEndIn);
}

const StackProgram* Running(const Stack& stack, const std::string& name) {
  const auto found = std::find_if(
      stack.programs.begin(), stack.programs.end(),
      [&](const StackProgram& program) { return program.name == name && IsRunning(program); });
  return found == stack.programs.end() ? nullptr : &*found;
}

absl::Status StartParts(const LaunchOptions& options, const Say& say, Stack& stack) {
  std::vector<StackProgram> started;
  const auto start = [&](const Part& part) -> absl::Status {
    say(fmt::format("starting {} ...", part.name));
    LRTI_ASSIGN_OR_RETURN(const StackProgram program, StartPart(part, options, stack));
    started.push_back(program);
    return WaitReady(part, program, options.ready_in);
  };
  for (const Part& part : PartsOf(options, stack)) {
    if (Running(stack, part.name) != nullptr) continue;
    const absl::Status status = start(part);
    if (status.ok()) continue;
    std::for_each(started.rbegin(), started.rend(), End);
    std::erase_if(stack.programs, [](const StackProgram& old) { return !IsRunning(old); });
    LRTI_RETURN_IF_ERROR(WriteStack(options.state, stack));
    return status;
  }
  return absl::OkStatus();
}

// In the order of their start, which a program that was started again has left.
void Sort(const std::vector<Part>& parts, Stack& stack) {
  const auto place = [&](const StackProgram& program) {
    return std::find_if(parts.begin(), parts.end(),
                        [&](const Part& part) { return part.name == program.name; });
  };
  std::sort(stack.programs.begin(), stack.programs.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

absl::StatusOr<Stack> KnownStack(const std::string& state) {
  absl::StatusOr<Stack> stack = ReadStack(state);
  return absl::IsNotFound(stack.status()) ? Stack() : stack;
}

}  // namespace

absl::StatusOr<OpenFile> LockStack(const std::string& state) {
  const std::string path = JoinPath(state, "stack.lock");
  return LockFileAlone(
      path, fmt::format("{}: another lrti-ctl up or down is at work; wait for it", path));
}

std::string OwnFolder() {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : own.parent_path().string();
}

absl::StatusOr<Launched> Launch(const LaunchOptions& options, const Say& say) {
  LRTI_RETURN_IF_ERROR(MakeFolders(JoinPath(options.state, "logs")));
  ::chmod(options.state.c_str(), 0700);
  LRTI_ASSIGN_OR_RETURN(const OpenFile lock, LockStack(options.state));
  LRTI_ASSIGN_OR_RETURN(Stack stack, KnownStack(options.state));
  const std::vector<Part> wanted = PartsOf(options, stack);
  const auto runs = [&](const Part& part) { return Running(stack, part.name) != nullptr; };
  if (std::all_of(wanted.begin(), wanted.end(), runs)) return Launched{stack, true};
  if (!IsRunning(stack)) LRTI_RETURN_IF_ERROR(ChoosePlaces(options.state, stack));
  LRTI_RETURN_IF_ERROR(StartParts(options, say, stack));
  Sort(wanted, stack);
  LRTI_RETURN_IF_ERROR(WriteStack(options.state, stack));
  return Launched{stack, false};
}

}  // namespace lrti::ctl
