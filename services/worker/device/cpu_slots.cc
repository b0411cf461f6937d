#include "services/worker/device/cpu_slots.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "common/base/check.h"
#include "fmt/format.h"

namespace lrti::worker {
namespace {

constexpr int64_t kSlotsByDefaultMax = 64;

int64_t Cores() { return std::max<int64_t>(1, std::thread::hardware_concurrency()); }

uint64_t MemoryBytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  LRTI_CHECK(pages > 0 && page_bytes > 0);
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
}

}  // namespace

CpuSlots::CpuSlots(std::string machine, int64_t slots)
    : machine_(std::move(machine)),
      slots_(slots > 0 ? slots : std::min(Cores(), kSlotsByDefaultMax)) {}

absl::StatusOr<std::vector<Device>> CpuSlots::List() {
  std::vector<Device> devices;
  for (int64_t slot = 0; slot < slots_; ++slot) {
    devices.push_back({.uuid = fmt::format("cpu-{}-{}", machine_, slot),
                       .model = "cpu",
                       .memory_bytes = MemoryBytes() / static_cast<uint64_t>(slots_)});
  }
  return devices;
}

}  // namespace lrti::worker
