// An NVML of ours for tests. Read at every call:
//   FAKE_NVML_GPUS   how many there are (default 2)
//   FAKE_NVML_USED   MiB used on each, as "0,70000"; missing ones 0
//   FAKE_NVML_PIDS   a process on each, as "0,4711"; 0: none
//   FAKE_NVML_FAIL   a symbol that answers error 15
//   FAKE_NVML_XIDS   a file of lines "GPU XID", each an event; more may be appended at any time
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Memory {
  unsigned long long total, free, used;
};
struct Process {
  unsigned pid;
  unsigned long long memory;
  unsigned gpu_instance, compute_instance;
};

unsigned long long Entry(const char* variable, uintptr_t index) {
  const char* text = std::getenv(variable);
  for (uintptr_t i = 0; text != nullptr && i < index; ++i) {
    text = std::strchr(text, ',');
    if (text != nullptr) ++text;
  }
  return text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
}

int Fails(const char* symbol) {
  const char* const name = std::getenv("FAKE_NVML_FAIL");
  return name != nullptr && std::strcmp(name, symbol) == 0 ? 15 : 0;
}

unsigned Gpus() {
  const bool told = std::getenv("FAKE_NVML_GPUS") != nullptr;
  return told ? static_cast<unsigned>(Entry("FAKE_NVML_GPUS", 0)) : 2;
}

struct Event {
  void* device;
  unsigned long long type, data;
  unsigned gpu_instance, compute_instance;
};

constexpr int kNotSupported = 3;
constexpr int kTimeout = 10;
constexpr unsigned long long kXid = 8;

// How many lines of the file were told.
struct EventSet {
  long told = 0;
};

// A handle is the place of the GPU and one.
uintptr_t IndexOf(void* device) { return reinterpret_cast<uintptr_t>(device) - 1; }

}  // namespace

extern "C" {

int nvmlInit_v2() { return Fails("nvmlInit_v2"); }
int nvmlShutdown() { return 0; }
const char* nvmlErrorString(int result) { return result == 15 ? "GPU is lost" : "Unknown Error"; }

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = Gpus();
  return Fails("nvmlDeviceGetCount_v2");
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = reinterpret_cast<void*>(uintptr_t{index} + 1);
  return index < Gpus() ? Fails("nvmlDeviceGetHandleByIndex_v2") : 2;
}

int nvmlEventSetCreate(void** set) {
  if (const int failed = Fails("nvmlEventSetCreate"); failed != 0) return failed;
  *set = new EventSet;
  return 0;
}

int nvmlEventSetFree(void* set) {
  delete static_cast<EventSet*>(set);
  return 0;
}

int nvmlDeviceRegisterEvents(void*, unsigned long long types, void*) {
  return types == kXid ? Fails("nvmlDeviceRegisterEvents") : kNotSupported;
}

int nvmlEventSetWait_v2(void* set, Event* event, unsigned) {
  auto* const events = static_cast<EventSet*>(set);
  const char* const path = std::getenv("FAKE_NVML_XIDS");
  std::FILE* const file = path == nullptr ? nullptr : std::fopen(path, "r");
  if (file == nullptr) return kTimeout;
  unsigned gpu = 0;
  unsigned long long xid = 0;
  int read = 2;
  for (long line = 0; line <= events->told && read == 2; ++line) {
    read = std::fscanf(file, "%u %llu", &gpu, &xid);
  }
  std::fclose(file);
  if (read != 2) return kTimeout;
  ++events->told;
  *event = {reinterpret_cast<void*>(uintptr_t{gpu} + 1), kXid, xid, 0, 0};
  return Fails("nvmlEventSetWait_v2");
}

int nvmlDeviceGetName(void*, char* name, unsigned length) {
  std::snprintf(name, length, "Fake GPU");
  return Fails("nvmlDeviceGetName");
}

int nvmlDeviceGetUUID(void* device, char* uuid, unsigned length) {
  std::snprintf(uuid, length, "GPU-fake-%u", static_cast<unsigned>(IndexOf(device)));
  return Fails("nvmlDeviceGetUUID");
}

int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  memory->total = 80ULL << 30;
  memory->used = Entry("FAKE_NVML_USED", IndexOf(device)) << 20;
  memory->free = memory->total - memory->used;
  return Fails("nvmlDeviceGetMemoryInfo");
}

int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, Process* processes) {
  const auto pid = static_cast<unsigned>(Entry("FAKE_NVML_PIDS", IndexOf(device)));
  *count = pid == 0 ? 0 : 1;
  if (pid != 0) processes[0].pid = pid;
  return Fails("nvmlDeviceGetComputeRunningProcesses_v3");
}
}
