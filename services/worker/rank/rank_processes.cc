#include "services/worker/rank/rank_processes.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "services/worker/rank/cgroup.h"
#include "services/worker/rank/environment.h"
#include "services/worker/rank/log_tail.h"
#include "services/worker/rank/spool.h"

namespace lrti::worker {
namespace {

// In the environment of a shim and all that it starts, so that they are found without the shim.
std::string MarkOf(const std::string& rank_folder) { return "LRTI_RANK_DIR=" + rank_folder; }

// The options of posix_spawn, freed at the end of a scope.
class SpawnOptions {
 public:
  SpawnOptions() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnOptions() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// Ends whatever a shim that was itself killed left behind. Whether there is nothing.
bool SweepUp(const std::string& rank_folder, const RankSight& sight) {
  const std::string cgroup = sight.pids ? sight.pids->cgroup : "";
  KillCgroup(cgroup);
  const auto left = ProcessesWith(MarkOf(rank_folder));
  for (const ProcessEntry& entry : left) SignalProcess(entry.id, SIGKILL);
  if (!left.empty() || !CgroupIsEmpty(cgroup)) return false;
  RemoveCgroup(cgroup);  // an empty folder harms nobody where it does not work
  return true;
}

}  // namespace

absl::Status ShimProcesses::Start(const std::string& rank_folder, const LaunchRecord& launch,
                                  int store_fd) {
  const RankFiles files(rank_folder);
  LaunchRecord record = launch;
  record.store_socket = store_fd >= 0;
  std::string mark = MarkOf(rank_folder);
  const size_t equals = mark.find('=');
  record.environment[mark.substr(0, equals)] = mark.substr(equals + 1);
  LRTI_RETURN_IF_ERROR(WriteFileAtomic(files.launch, ToJson(record)));

  SpawnOptions options;
  const auto open = [&](int fd, const char* path, int flags) {
    ::posix_spawn_file_actions_addopen(&options.actions, fd, path, flags, 0600);
  };
  if (store_fd >= 0) {
    ::posix_spawn_file_actions_adddup2(&options.actions, store_fd, kStoreSocket);
  }
  open(STDIN_FILENO, "/dev/null", O_RDONLY);
  open(STDOUT_FILENO, files.shim_log.c_str(), O_WRONLY | O_CREAT | O_APPEND);
  ::posix_spawn_file_actions_adddup2(&options.actions, STDOUT_FILENO, STDERR_FILENO);
  std::string program = program_, verb = "shim", folder = rank_folder;
  char* const arguments[] = {program.data(), verb.data(), folder.data(), nullptr};
  // The agent's own, since the program may be found and loaded by it.
  std::vector<std::string> variables = {mark};
  for (const auto& [name, value] : OwnEnvironment()) {
    if (!mark.starts_with(name + "=")) variables.push_back(name + "=" + value);
  }
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &options.actions, &options.attributes,
                                  arguments, environment.data());
  if (error != 0) return FileError(error, program_, "cannot start it");
  shims_[rank_folder] = pid;
  return absl::OkStatus();
}

RankSight ShimProcesses::Look(const std::string& rank_folder) {
  const RankFiles files(rank_folder);
  RankSight sight;
  if (auto pids = ReadPidRecord(files.pid); pids.ok()) sight.pids = *std::move(pids);
  sight.rebooted = sight.pids && sight.pids->boot != BootId();
  // In this order: what the shim wrote before its end is seen.
  const bool shim_lives = ShimLives(rank_folder, sight);
  if (auto exit = ReadExitRecord(files.exit); exit.ok()) sight.exit = *std::move(exit);
  sight.gone = !shim_lives;
  if (sight.gone && !sight.rebooted) sight.gone = SweepUp(rank_folder, sight);
  if (sight.gone && !sight.exit) {
    for (const std::string& line : LastLines(files.shim_log)) sight.shim_log += line + "; ";
  }
  return sight;
}

bool ShimProcesses::ShimLives(const std::string& rank_folder, const RankSight& sight) {
  const auto child = shims_.find(rank_folder);
  if (child != shims_.end()) {
    int status = 0;
    if (::waitpid(static_cast<pid_t>(child->second), &status, WNOHANG) == 0) return true;
    shims_.erase(child);
    return false;
  }
  return sight.pids && !sight.rebooted && IsAlive(sight.pids->shim);
}

void ShimProcesses::Signal(const std::string& rank_folder, int signal) {
  const auto pids = ReadPidRecord(RankFiles(rank_folder).pid);
  if (pids.ok() && pids->boot == BootId()) SignalProcess(pids->trainer, signal);
}

}  // namespace lrti::worker
