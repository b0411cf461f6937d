#include "services/worker/rank/spool.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::worker {
namespace {

constexpr size_t kJobNameLettersMax = 128;
constexpr mode_t kOwnerOnly = 0700;

bool IsAttemptNumber(const std::string& name) {
  return !name.empty() && name.size() <= 18 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

std::string Describe(const AttemptKey& key) {
  return fmt::format("{} attempt {}", key.job, key.attempt);
}

bool IsJobName(const std::string& job) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
  return !job.empty() && job.size() <= kJobNameLettersMax &&
         std::all_of(job.begin(), job.end(), fits);
}

absl::StatusOr<Spool> Spool::Open(const std::string& root) {
  LRTI_RETURN_IF_ERROR(MakeFolders(root));
  if (::chmod(root.c_str(), kOwnerOnly) != 0) {
    return FileError(errno, root, "cannot keep others out of the folder");
  }
  return Spool(root);
}

std::string Spool::FolderOf(const AttemptKey& key) const {
  return fmt::format("{}/{}/{}", root_, key.job, key.attempt);
}
std::string Spool::AlivePath() const { return JoinPath(root_, "alive"); }
std::string Spool::LockPath() const { return JoinPath(root_, "lock"); }
std::string Spool::IncarnationPath() const { return JoinPath(root_, "incarnation"); }

absl::Status Spool::Make(const AttemptKey& key, const std::vector<int64_t>& ranks) const {
  if (!IsJobName(key.job)) return InvalidArgument("'{}' is no name of a job", key.job);
  for (const int64_t rank : ranks) {
    LRTI_RETURN_IF_ERROR(MakeFolders(RankFolder(FolderOf(key), rank)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AttemptKey>> Spool::List() const {
  std::vector<AttemptKey> keys;
  LRTI_ASSIGN_OR_RETURN(const auto jobs, ListFolder(root_));
  for (const std::string& job : jobs) {
    std::error_code ignored;  // a file in place of a folder is none of ours
    const std::string folder = JoinPath(root_, job);
    if (!IsJobName(job) || !std::filesystem::is_directory(folder, ignored)) continue;
    LRTI_ASSIGN_OR_RETURN(const auto attempts, ListFolder(folder));
    for (const std::string& attempt : attempts) {
      if (!IsAttemptNumber(attempt)) continue;
      const AttemptKey key{job, std::stoll(attempt)};
      if (std::filesystem::exists(AssignmentPath(FolderOf(key)), ignored)) keys.push_back(key);
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

absl::Status Spool::Forget(const AttemptKey& key) const {
  LRTI_RETURN_IF_ERROR(RemoveAll(FolderOf(key)));
  std::error_code not_empty;  // other attempts of the job are still there
  std::filesystem::remove(JoinPath(root_, key.job), not_empty);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Spool::FreeBytes() const {
  struct statvfs disk {};
  if (::statvfs(root_.c_str(), &disk) != 0) return FileError(errno, root_, "cannot look at");
  return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

std::string AssignmentPath(const std::string& attempt_folder) {
  return JoinPath(attempt_folder, "assignment.json");
}
std::string ConfigPath(const std::string& attempt_folder) {
  return JoinPath(attempt_folder, "config.yaml");
}
std::string CausePath(const std::string& attempt_folder) {
  return JoinPath(attempt_folder, "cause.json");
}
std::string RankFolder(const std::string& attempt_folder, int64_t rank) {
  return fmt::format("{}/rank-{}", attempt_folder, rank);
}

RankFiles::RankFiles(const std::string& rank_folder)
    : folder(rank_folder),
      log(JoinPath(rank_folder, "log")),
      events(JoinPath(rank_folder, "events")),
      launch(JoinPath(rank_folder, "launch.json")),
      pid(JoinPath(rank_folder, "pid.json")),
      exit(JoinPath(rank_folder, "exit.json")),
      shim_log(JoinPath(rank_folder, "shim.log")) {}

}  // namespace lrti::worker
