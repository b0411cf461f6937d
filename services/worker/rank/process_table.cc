#include "services/worker/rank/process_table.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <map>
#include <sstream>

#include "common/base/files.h"
#include "common/base/open_file.h"
#include "fmt/format.h"

namespace lrti::worker {
namespace {

constexpr uint64_t kStatBytesMax = 4096;
constexpr uint64_t kEnvironmentBytesMax = 4 << 20;

std::optional<int64_t> NumberOf(const std::string& text) {
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<ProcessEntry> AllAlive() {
  std::vector<ProcessEntry> processes;
  const auto names = ListFolder("/proc");
  if (!names.ok()) return processes;
  for (const std::string& name : *names) {
    const auto pid = NumberOf(name);
    const auto entry = pid ? FindProcess(*pid) : std::nullopt;
    if (entry && !entry->dead()) processes.push_back(*entry);
  }
  return processes;
}

}  // namespace

std::optional<ProcessEntry> FindProcess(int64_t pid) {
  const auto text = ReadFile(fmt::format("/proc/{}/stat", pid), kStatBytesMax);
  if (!text.ok()) return std::nullopt;
  // `pid (name) state ppid pgrp ...`, where the name may hold anything.
  const size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text->substr(name_end + 1));
  ProcessEntry entry{.id = {.pid = pid}};
  rest >> entry.state >> entry.parent >> entry.group;
  std::string skipped;
  for (int field = 6; field < 22; ++field) rest >> skipped;
  rest >> entry.id.start;
  return rest ? std::optional(entry) : std::nullopt;
}

bool IsAlive(const ProcessId& process) {
  const auto entry = FindProcess(process.pid);
  return entry && entry->id == process && !entry->dead();
}

std::vector<ProcessEntry> DescendantsOf(int64_t ancestor) {
  const std::vector<ProcessEntry> all = AllAlive();
  std::map<int64_t, int64_t> parents;
  for (const ProcessEntry& entry : all) parents[entry.id.pid] = entry.parent;
  std::vector<ProcessEntry> descendants;
  for (const ProcessEntry& entry : all) {
    int64_t at = entry.parent;
    // The table is no snapshot: the bound ends a circle that cannot be, but might be read.
    for (size_t steps = 0; at != ancestor && steps < all.size(); ++steps) {
      const auto parent = parents.find(at);
      if (parent == parents.end()) break;
      at = parent->second;
    }
    if (at == ancestor && entry.id.pid != ancestor) descendants.push_back(entry);
  }
  return descendants;
}

std::vector<ProcessEntry> ProcessesWith(const std::string& variable) {
  const std::string wanted = '\0' + variable + '\0';
  std::vector<ProcessEntry> found;
  for (const ProcessEntry& entry : AllAlive()) {
    const auto environment =
        ReadFile(fmt::format("/proc/{}/environ", entry.id.pid), kEnvironmentBytesMax);
    if (!environment.ok()) continue;
    if (('\0' + *environment + '\0').find(wanted) != std::string::npos) found.push_back(entry);
  }
  return found;
}

bool SignalProcess(const ProcessId& process, int signal) {
  // The descriptor holds on to the process, so that its number cannot pass to another in between.
  const OpenFile handle(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!handle.valid()) return false;
  const auto entry = FindProcess(process.pid);
  if (!entry || entry->id != process || entry->dead()) return false;
  return ::syscall(SYS_pidfd_send_signal, handle.fd(), signal, nullptr, 0) == 0;
}

std::string BootId() {
  const auto text = ReadFile("/proc/sys/kernel/random/boot_id", kStatBytesMax);
  return text.ok() ? text->substr(0, text->find('\n')) : "unknown";
}

}  // namespace lrti::worker
