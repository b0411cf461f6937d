#include "services/worker/device/nvml.h"

#include <dlfcn.h>

#include <array>
#include <utility>

#include "common/base/status.h"

namespace lrti::worker {
namespace {

// Our own prototypes of what is used of nvml.h: its binary interface is stable.
using Result = int;
using Handle = struct OpaqueDevice*;
struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance, compute_instance;
};
constexpr Result kSuccess = 0;
constexpr unsigned kProcessesMax = 256;
constexpr unsigned kTextBytes = 96;

}  // namespace

struct Nvml::Library {
  void* handle = nullptr;
  bool begun = false;
  Result (*init)() = nullptr;
  Result (*shutdown)() = nullptr;
  const char* (*error_text)(Result) = nullptr;
  Result (*count)(unsigned*) = nullptr;
  Result (*at)(unsigned, Handle*) = nullptr;
  Result (*name)(Handle, char*, unsigned) = nullptr;
  Result (*uuid)(Handle, char*, unsigned) = nullptr;
  Result (*memory)(Handle, Memory*) = nullptr;
  Result (*processes)(Handle, unsigned*, Process*) = nullptr;

  ~Library() {
    if (begun) shutdown();
    if (handle != nullptr) ::dlclose(handle);
  }

  template <typename Function>
  bool Find(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(::dlsym(handle, symbol));
    return function != nullptr;
  }

  // The first symbol that is missing; nullptr when all are there.
  const char* FindAll() {
    if (!Find(init, "nvmlInit_v2")) return "nvmlInit_v2";
    if (!Find(shutdown, "nvmlShutdown")) return "nvmlShutdown";
    if (!Find(error_text, "nvmlErrorString")) return "nvmlErrorString";
    if (!Find(count, "nvmlDeviceGetCount_v2")) return "nvmlDeviceGetCount_v2";
    if (!Find(at, "nvmlDeviceGetHandleByIndex_v2")) return "nvmlDeviceGetHandleByIndex_v2";
    if (!Find(name, "nvmlDeviceGetName")) return "nvmlDeviceGetName";
    if (!Find(uuid, "nvmlDeviceGetUUID")) return "nvmlDeviceGetUUID";
    if (!Find(memory, "nvmlDeviceGetMemoryInfo")) return "nvmlDeviceGetMemoryInfo";
    const bool lists_processes = Find(processes, "nvmlDeviceGetComputeRunningProcesses_v3") ||
                                 Find(processes, "nvmlDeviceGetComputeRunningProcesses_v2");
    return lists_processes ? nullptr : "nvmlDeviceGetComputeRunningProcesses_v2";
  }

  absl::Status Check(Result result, const char* what) const {
    if (result == kSuccess) return absl::OkStatus();
    return Error(absl::StatusCode::kUnavailable, "NVML: {}: {}", what, error_text(result));
  }

  absl::Status Describe(Handle gpu, Device& device) const {
    std::array<char, kTextBytes> text{};
    LRTI_RETURN_IF_ERROR(Check(uuid(gpu, text.data(), kTextBytes), "reading a GPU's UUID"));
    device.uuid = text.data();
    LRTI_RETURN_IF_ERROR(Check(name(gpu, text.data(), kTextBytes), "reading a GPU's name"));
    device.model = text.data();
    Memory amounts{};
    LRTI_RETURN_IF_ERROR(Check(memory(gpu, &amounts), "reading a GPU's memory"));
    device.memory_bytes = amounts.total;
    device.memory_used_bytes = amounts.used;
    std::array<Process, kProcessesMax> running{};
    unsigned number = kProcessesMax;
    // Some drivers and containers do not tell; memory in use is the surer sign anyway.
    if (processes(gpu, &number, running.data()) != kSuccess) return absl::OkStatus();
    for (unsigned i = 0; i < number; ++i) device.pids.push_back(running[i].pid);
    return absl::OkStatus();
  }
};

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nvml::~Nvml() = default;

absl::StatusOr<std::unique_ptr<Nvml>> Nvml::Load(const std::string& library) {
  auto loaded = std::make_unique<Library>();
  loaded->handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded->handle == nullptr) {
    return Error(absl::StatusCode::kNotFound, "NVML: {}", ::dlerror());
  }
  if (const char* const missing = loaded->FindAll(); missing != nullptr) {
    return Error(absl::StatusCode::kUnavailable,
                 "{}: has no {}; it is no NVML, or of a driver older than 460", library, missing);
  }
  LRTI_RETURN_IF_ERROR(loaded->Check(loaded->init(), "starting"));
  loaded->begun = true;
  unsigned number = 0;
  LRTI_RETURN_IF_ERROR(loaded->Check(loaded->count(&number), "counting GPUs"));
  if (number == 0) return Error(absl::StatusCode::kNotFound, "NVML: the driver has no GPU");
  return std::unique_ptr<Nvml>(new Nvml(std::move(loaded)));
}

absl::StatusOr<std::vector<Device>> Nvml::List() {
  unsigned number = 0;
  LRTI_RETURN_IF_ERROR(library_->Check(library_->count(&number), "counting GPUs"));
  std::vector<Device> devices;
  for (unsigned index = 0; index < number; ++index) {
    Handle gpu = nullptr;
    Device device;
    absl::Status told = library_->Check(library_->at(index, &gpu), "opening a GPU");
    if (told.ok()) told = library_->Describe(gpu, device);
    if (!told.ok()) device.fault = Message(told);
    if (!device.uuid.empty()) devices.push_back(std::move(device));
  }
  return devices;
}

}  // namespace lrti::worker
