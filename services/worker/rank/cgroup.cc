#include "services/worker/rank/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "common/base/files.h"
#include "common/base/open_file.h"

namespace lrti::worker {
namespace {

constexpr uint64_t kProcFileBytesMax = 1 << 20;

// Where version 2 is mounted; empty: nowhere.
std::string MountPoint() {
  const auto mounts = ReadFile("/proc/self/mounts", kProcFileBytesMax);
  std::istringstream lines(mounts.ok() ? *mounts : "");
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string device, folder, type;
    if (words >> device >> folder >> type && type == "cgroup2") return folder;
  }
  return "";
}

// This process's group in version 2, such as `/system.slice/lrti-worker.service`.
std::string OwnGroup() {
  const auto groups = ReadFile("/proc/self/cgroup", kProcFileBytesMax);
  std::istringstream lines(groups.ok() ? *groups : "");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "";
}

// Only async-signal-safe calls: JoinCgroup runs between fork and exec.
bool WriteTo(const char* path, const char* text) {
  const OpenFile file(::open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && ::write(file.fd(), text, 1) == 1;
}

}  // namespace

std::string MakeCgroup(const std::string& name) {
  const std::string mount = MountPoint(), own = OwnGroup();
  if (mount.empty() || own.empty()) return "";
  const std::string folder = mount + (own == "/" ? "" : own) + "/" + name;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return "";
  // Kernels before 5.14 cannot kill a group.
  if (::access((folder + "/cgroup.kill").c_str(), W_OK) == 0) return folder;
  ::rmdir(folder.c_str());
  return "";
}

bool JoinCgroup(const std::string& folder) {
  return !folder.empty() && WriteTo((folder + "/cgroup.procs").c_str(), "0");
}

void KillCgroup(const std::string& folder) {
  if (!folder.empty()) WriteTo((folder + "/cgroup.kill").c_str(), "1");
}

bool CgroupIsEmpty(const std::string& folder) {
  if (folder.empty()) return true;
  const auto events = ReadFile(folder + "/cgroup.events", kProcFileBytesMax);
  return !events.ok() || events->find("populated 1") == std::string::npos;
}

bool RemoveCgroup(const std::string& folder) {
  if (folder.empty()) return true;
  std::error_code error;  // a group that is gone has nothing below it
  std::filesystem::directory_iterator below(folder, error);
  for (const std::filesystem::directory_iterator end; !error && below != end;
       below.increment(error)) {
    if (below->is_directory(error)) RemoveCgroup(below->path().string());
  }
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

uint64_t HostOomKills() {
  const auto counters = ReadFile("/proc/vmstat", kProcFileBytesMax);
  std::istringstream words(counters.ok() ? *counters : "");
  std::string name;
  uint64_t value = 0;
  while (words >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return 0;
}

}  // namespace lrti::worker
