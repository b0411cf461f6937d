#include "services/worker/rank/shim.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "common/base/clock.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "services/worker/rank/cgroup.h"
#include "services/worker/rank/exit_file.h"
#include "services/worker/rank/kill_ladder.h"
#include "services/worker/rank/records.h"
#include "services/worker/rank/spool.h"

namespace lrti::worker {
namespace {

constexpr timespec kLook{.tv_sec = 1, .tv_nsec = 0};
constexpr int kRemovalsMax = 8;              // of a cgroup without processes
constexpr int64_t kLookWhileKillingMs = 10;  // at first; then ever less often, to once a second

// Opens a file that the trainer inherits.
absl::StatusOr<OpenFile> OpenToAppend(const std::string& path) {
  OpenFile file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600));
  if (!file.valid()) return FileError(errno, path, "cannot open");
  return file;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class Shim {
 public:
  explicit Shim(const std::string& rank_folder) : files_(rank_folder) {}

  absl::Status Run() {
    LRTI_ASSIGN_OR_RETURN(launch_, ReadLaunchRecord(files_.launch));
    Prepare();
    LRTI_ASSIGN_OR_RETURN(ExitFile exit, ExitFile::Reserve(files_.exit));
    oom_kills_ = HostOomKills();
    const absl::Status started = Start();
    ExitRecord record;
    if (started.ok()) record = Watch();
    record.trouble = Message(started);
    record.time = clock_.Now();
    record.host_oom_kills = HostOomKills() - oom_kills_;
    const absl::Status written = exit.Write(record);
    KillRest();
    return written;
  }

 private:
  void Prepare() {
    ::close_range(launch_.store_socket ? kStoreSocket + 1 : kStoreSocket, ~0U, 0);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    std::signal(SIGTERM, SIG_IGN);  // whoever ends all of a session ends the trainer too
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a full disk is an error of a write
    sigemptyset(&child_signal_);
    sigaddset(&child_signal_, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child_signal_, nullptr);
  }

  // The trainer waits for a byte, so that pid.json is there before it runs.
  absl::Status Start() {
    LRTI_ASSIGN_OR_RETURN(const OpenFile log, OpenToAppend(files_.log));
    LRTI_ASSIGN_OR_RETURN(const OpenFile events, OpenToAppend(files_.events));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return FileError(errno, files_.folder, "cannot make a pipe");
    const OpenFile wait_end(ends[0]), go_end(ends[1]);
    launch_.environment["LRTI_EVENT_FD"] = std::to_string(events.fd());
    if (launch_.store_socket) launch_.environment["LRTI_STORE_FD"] = std::to_string(kStoreSocket);
    cgroup_ = MakeCgroup(fmt::format("lrti-rank-{}", ::getpid()));

    const pid_t pid = ::fork();
    if (pid < 0) return FileError(errno, launch_.command.at(0), "cannot start");
    if (pid == 0) BecomeTrainer(wait_end.fd(), go_end.fd(), log.fd());
    const auto self = FindProcess(::getpid()), child = FindProcess(pid);
    trainer_ = {.pid = pid, .start = child ? child->id.start : 0};
    const PidRecord record{.shim = self ? self->id : ProcessId{},
                           .trainer = trainer_,
                           .boot = BootId(),
                           .cgroup = cgroup_};
    LRTI_RETURN_IF_ERROR(WriteFileAtomic(files_.pid, ToJson(record)));
    if (::write(go_end.fd(), "g", 1) != 1) return FileError(errno, files_.folder, "cannot go on");
    return absl::OkStatus();
  }

  [[noreturn]] void BecomeTrainer(int wait_end, int go_end, int log) {
    ::close(go_end);
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // without its shim, nobody would know how it ended
    char go = 0;
    if (::read(wait_end, &go, 1) != 1) ::_exit(127);
    JoinCgroup(cgroup_);
    OfferToOomKiller();
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::close(log);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) std::signal(signal, SIG_DFL);
    ::sigprocmask(SIG_UNBLOCK, &child_signal_, nullptr);
    std::vector<std::string> variables;
    for (const auto& [name, value] : launch_.environment) variables.push_back(name + "=" + value);
    ::execve(launch_.command.at(0).c_str(), Pointers(launch_.command).data(),
             Pointers(variables).data());
    const int error = errno;
    ::dprintf(STDERR_FILENO, "lrti-worker: %s: cannot be started: %s\n",
              launch_.command.at(0).c_str(), std::strerror(error));
    ::_exit(error == ENOENT ? 127 : 126);
  }

  // When memory runs out, the kernel shall take the trainer, not its supervisor or the agent.
  static void OfferToOomKiller() {
    const OpenFile score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    [[maybe_unused]] const ssize_t written = ::write(score.fd(), "500", 3);  // or as it likes
  }

  // Waits for the trainer's end, and brings it about when no agent comes back.
  ExitRecord Watch() {
    ExitRecord record;
    KillLadder ladder;
    absl::Duration agent_seen = clock_.Steady();
    timespec alive = AliveTime();
    while (true) {
      const uint64_t oom_kills = HostOomKills();
      if (Reap(&record)) return record;
      oom_kills_ = oom_kills;
      const absl::Duration now = clock_.Steady();
      if (const timespec touched = AliveTime();
          touched.tv_sec != alive.tv_sec || touched.tv_nsec != alive.tv_nsec) {
        alive = touched;
        agent_seen = now;
      }
      if (now - agent_seen > launch_.orphan_grace) {
        record.orphaned = true;
        ladder.Stop(launch_.stop_grace, now);
      }
      if (const int signal = ladder.Due(now); signal != 0) SignalProcess(trainer_, signal);
      ::sigtimedwait(&child_signal_, nullptr, &kLook);
    }
  }

  // Asks after all children that have ended. Whether the trainer is one of them.
  bool Reap(ExitRecord* record) {
    bool ended = false;
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid != trainer_.pid || record == nullptr) continue;
      ended = true;
      if (WIFSIGNALED(status)) record->signal = WTERMSIG(status);
      if (WIFEXITED(status)) record->code = WEXITSTATUS(status);
    }
    return ended;
  }

  // However long it takes: while this process lives, the agent knows that something is left.
  void KillRest() {
    int removals = 0;
    for (int64_t wait_ms = kLookWhileKillingMs;; wait_ms = std::min<int64_t>(999, 2 * wait_ms)) {
      KillCgroup(cgroup_);
      const auto left = DescendantsOf(::getpid());
      for (const ProcessEntry& entry : left) SignalProcess(entry.id, SIGKILL);
      Reap(nullptr);
      const bool empty = left.empty() && CgroupIsEmpty(cgroup_);
      if (empty && (RemoveCgroup(cgroup_) || ++removals == kRemovalsMax)) return;
      const timespec wait{.tv_sec = 0, .tv_nsec = wait_ms * 1'000'000};
      ::sigtimedwait(&child_signal_, nullptr, &wait);
    }
  }

  // When the agent touched its file; unchanged, too, where the file is missing.
  timespec AliveTime() const {
    struct stat info {};
    ::stat(launch_.alive_path.c_str(), &info);
    return info.st_mtim;
  }

  const RankFiles files_;
  const SystemClock clock_;
  LaunchRecord launch_;
  sigset_t child_signal_{};
  std::string cgroup_;
  ProcessId trainer_;
  uint64_t oom_kills_ = 0;  // when the trainer was last seen alive
};

}  // namespace

int RunShim(const std::string& rank_folder) {
  const absl::Status status = Shim(rank_folder).Run();
  if (!status.ok()) std::fprintf(stderr, "lrti-worker shim: %s\n", Message(status).c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace lrti::worker
