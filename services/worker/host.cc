#include "services/worker/host.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "absl/strings/numbers.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/lock_file.h"
#include "common/base/status.h"
#include "services/worker/device/cpu_slots.h"
#include "services/worker/device/nvml.h"

namespace lrti::worker {
namespace {

absl::StatusOr<std::string> HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
    return InvalidArgument("name: this host has no name; set one (--name)");
  }
  return std::string(name.data());
}

absl::StatusOr<std::string> DefaultSpool(const Variables& variable) {
  if (const std::string state = StateFolder(variable); !state.empty()) {
    return JoinPath(state, "worker");
  }
  return InvalidArgument(
      "spool: auto needs $LRTI_STATE, $XDG_STATE_HOME or $HOME; name a folder (--spool)");
}

// 0 where there was no earlier start, or its file is damaged.
uint64_t LastIncarnation(const std::string& path) {
  constexpr uint64_t kBytesMax = 64;
  const auto text = ReadFile(path, kBytesMax);
  uint64_t last = 0;
  return text.ok() && absl::SimpleAtoi(*text, &last) ? last : 0;
}

}  // namespace

absl::StatusOr<std::string> OwnPath() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return FileError(error.value(), "/proc/self/exe", "cannot read");
  return path.string();
}

absl::Status DecideAutos(const Variables& variable, WorkerConfig& config) {
  if (config.name == "auto") {
    LRTI_ASSIGN_OR_RETURN(config.name, HostName());
  }
  if (config.spool == "auto") {
    LRTI_ASSIGN_OR_RETURN(config.spool, DefaultSpool(variable));
  }
  if (config.trainer == "auto") {
    LRTI_ASSIGN_OR_RETURN(const std::string own, OwnPath());
    config.trainer = JoinPath(FolderOf(own), "lrti-vsr");
  }
  // The supervisors of ranks run in other folders than this process.
  config.spool = std::filesystem::absolute(config.spool).string();
  config.trainer = std::filesystem::absolute(config.trainer).string();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Inventory>> FindDevices(const WorkerConfig& config) {
  const DevicesConfig& devices = config.devices;
  if (!devices.cpu_only) {
    auto nvml = Nvml::Load(devices.nvml_library);
    if (nvml.ok()) return std::unique_ptr<Inventory>(*std::move(nvml));
    if (!absl::IsNotFound(nvml.status())) {
      return Error(nvml.status().code(),
                   "{}; mend the driver, or use the processor alone (devices.cpu_only: true)",
                   Message(nvml.status()));
    }
  }
  return std::unique_ptr<Inventory>(std::make_unique<CpuSlots>(config.name, devices.cpu_slots));
}

absl::StatusOr<OpenFile> LockSpool(const Spool& spool) {
  return LockFileAlone(spool.LockPath(),
                       fmt::format("{}: another agent works with this spool; stop it, or name "
                                   "another folder (--spool) and another name (--name)",
                                   spool.root()));
}

uint64_t NextIncarnation(const Spool& spool, absl::Time now,
                         const std::function<void(const std::string&)>& warn) {
  const std::string path = spool.IncarnationPath();
  const uint64_t by_clock = static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(now)));
  const uint64_t next = std::max(by_clock, LastIncarnation(path) + 1);
  // A full disk must not keep an agent from the ranks that run.
  const absl::Status kept = WriteFileAtomic(path, fmt::format("{}\n", next));
  if (!kept.ok()) warn(Message(kept));
  return next;
}

}  // namespace lrti::worker
