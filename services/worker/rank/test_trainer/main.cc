// Stands in for lrti-vsr in tests: speaks the events of a trainer (docs/events.md) and does what
// the config tells it. The config is words `key=value`; `rank1.key=value` is for rank 1 alone.
//
//   steps=N         how many, then it finishes; 0 or missing: for ever
//   step_ms=N       how long one takes (default 10)
//   phase=NAME      said in every heartbeat (default forward_backward)
//   print=TEXT      a line for the log
//   line_mib=N      a line of so many MiB for the log
//   show=NAME       prints NAME=value of the environment
//   fail=CODE       says `failed` with this code, and ends
//   exit=N          ends with this code after its steps, or after `failed`
//   abort=1         ends by SIGABRT after its steps
//   deaf=1          ignores SIGTERM
//   grandchild=1    leaves a process in a session of its own that keeps standard output and ignores
//                   SIGTERM; its pid goes to the log as "grandchild N"
//
// `shim FOLDER` is RunShim, `--version` says a version.
#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "services/worker/rank/shim.h"

namespace {

std::atomic<bool> asked_to_stop{false};

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class Script {
 public:
  Script(const std::string& path, const std::string& rank) {
    std::ifstream words(path);
    const std::string own = "rank" + rank + ".";
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      if (word.starts_with(own)) {
        values_[word.substr(own.size(), equals - own.size())] = word.substr(equals + 1);
      } else if (!word.starts_with("rank")) {
        values_.insert({word.substr(0, equals), word.substr(equals + 1)});
      }
    }
  }

  std::string Text(const char* key, const std::string& otherwise = "") const {
    const auto found = values_.find(key);
    return found == values_.end() ? otherwise : found->second;
  }
  int64_t Number(const char* key, int64_t otherwise = 0) const {
    return std::stoll(Text(key, std::to_string(otherwise)));
  }

 private:
  std::map<std::string, std::string> values_;
};

void Put(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(fd, text.data() + at, text.size() - at);
    if (written <= 0) return;  // a full disk stops no training
    at += static_cast<size_t>(written);
  }
}

void Emit(const std::string& kind, const std::string& fields) {
  static const std::string fd = Variable("LRTI_EVENT_FD");
  if (fd.empty()) return;
  Put(std::stoi(fd),
      fmt::format(R"({{"ts":"{}","event":"{}",{}}})",
                  absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()), kind,
                  fields) +
          "\n");
}

void LeaveGrandchild() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();
    std::signal(SIGTERM, SIG_IGN);
    while (true) ::pause();
  }
  Put(STDOUT_FILENO, fmt::format("grandchild {}\n", pid));
}

int Finish(int64_t step, const char* reason, int code) {
  Emit("finished", fmt::format(R"("step":{},"reason":"{}")", step, reason));
  return code;
}

int Train(const Script& script) {
  if (script.Number("deaf") != 0) {
    std::signal(SIGTERM, SIG_IGN);
  } else {
    std::signal(SIGTERM, [](int) { asked_to_stop = true; });
  }
  if (script.Number("grandchild") != 0) LeaveGrandchild();
  if (const auto text = script.Text("print"); !text.empty()) Put(STDOUT_FILENO, text + "\n");
  if (const auto name = script.Text("show"); !name.empty()) {
    Put(STDOUT_FILENO, name + "=" + Variable(name.c_str()) + "\n");
  }
  if (const int64_t mib = script.Number("line_mib"); mib > 0) {
    Put(STDOUT_FILENO, std::string(static_cast<size_t>(mib) << 20, 'x') + "\n");
  }
  const int64_t steps = script.Number("steps"), step_ms = script.Number("step_ms", 10);
  Emit("started", fmt::format(R"("device":"cpu","iterations":{})", steps));
  if (const auto code = script.Text("fail"); !code.empty()) {
    Emit("failed", fmt::format(R"("code":"{}","message":"as the test asked","step":0)", code));
    return static_cast<int>(script.Number("exit", 1));
  }
  int64_t step = 0;
  while (steps == 0 || step < steps) {
    if (asked_to_stop) return Finish(step, "stopped", 0);
    ::poll(nullptr, 0, static_cast<int>(step_ms));
    ++step;
    Emit("step", fmt::format(R"("step":{},"loss":0.5,"memory_bytes":1000)", step));
    Emit("heartbeat", fmt::format(R"("step":{},"phase":"{}","phase_age_s":0.01)", step,
                                  script.Text("phase", "forward_backward")));
  }
  if (script.Number("abort") != 0) std::abort();
  if (script.Number("exit") != 0) return static_cast<int>(script.Number("exit"));
  return Finish(step, "iterations", 0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "--version") return std::puts("test-trainer 1") < 0 ? 1 : 0;
  if (verb == "shim" && argc == 3) return lrti::worker::RunShim(argv[2]);
  if (verb == "train" && argc > 2) return Train(Script(argv[2], Variable("RANK")));
  return 2;
}
