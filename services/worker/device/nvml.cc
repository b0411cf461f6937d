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
using EventSet = struct OpaqueEventSet*;
struct Event {
  Handle gpu;
  unsigned long long type;
  unsigned long long data;
  unsigned gpu_instance, compute_instance;
};
constexpr Result kSuccess = 0;
constexpr unsigned long long kXidEvents = 8;
constexpr int kEventsMax = 64;  // taken at once; the driver keeps the others
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
  Result (*make_events)(EventSet*) = nullptr;
  Result (*watch)(Handle, unsigned long long, EventSet) = nullptr;
  Result (*next_event)(EventSet, Event*, unsigned) = nullptr;
  Result (*free_events)(EventSet) = nullptr;
  EventSet events = nullptr;

  ~Library() {
    if (events != nullptr) free_events(events);
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

  // Virtual GPUs and some containers have no events: they go without.
  void WatchForXids(unsigned gpus) {
    const bool known =
        Find(make_events, "nvmlEventSetCreate") && Find(watch, "nvmlDeviceRegisterEvents") &&
        Find(next_event, "nvmlEventSetWait_v2") && Find(free_events, "nvmlEventSetFree");
    if (!known || make_events(&events) != kSuccess) {
      events = nullptr;
      return;
    }
    for (unsigned index = 0; index < gpus; ++index) {
      Handle gpu = nullptr;
      if (at(index, &gpu) == kSuccess) watch(gpu, kXidEvents, events);
    }
  }

  std::vector<XidEvent> NewXids() const {
    std::vector<XidEvent> xids;
    Event event{};
    for (int i = 0; events != nullptr && i < kEventsMax; ++i) {
      if (next_event(events, &event, 0) != kSuccess) break;  // none, or the GPU that is lost
      std::array<char, kTextBytes> text{};
      const bool named = uuid(event.gpu, text.data(), kTextBytes) == kSuccess;
      if (named && event.type == kXidEvents) xids.push_back({text.data(), event.data});
    }
    return xids;
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
  loaded->WatchForXids(number);
  return std::unique_ptr<Nvml>(new Nvml(std::move(loaded)));
}

std::vector<XidEvent> Nvml::NewXids() { return library_->NewXids(); }

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
