#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/worker/device/inventory.h"

namespace lrti::worker {

enum class DeviceState : uint8_t {
  kFree,
  kBusy,     // a rank of ours has it
  kFreeing,  // the rank is gone; its memory may take a moment to come back
  kLeaked,   // memory is held by nobody of ours, or it has a fault: nothing is started there
};

struct DeviceLimits {
  uint64_t memory_used_max = uint64_t{1} << 30;  // a device with no more in use is free
  absl::Duration free_wait = absl::Seconds(60);  // how long memory may take to come back
};

/// Which devices may be given away. A plain value; `now` is steady time.
///
/// A device is free again when no process of the rank that had it computes there and its memory is
/// back; until then it is not offered, since the next rank would die there of a full memory.
class DeviceTable {
 public:
  explicit DeviceTable(DeviceLimits limits) : limits_(limits) {}

  /// What the machine says now.
  void Observe(std::vector<Device> devices, absl::Duration now);

  /// A rank takes the device. Whether it may: the device is there and free.
  bool Take(const std::string& uuid);

  /// A rank that was started earlier has the device, whatever its state.
  void Adopt(const std::string& uuid) { taken_.insert(uuid); }

  /// The rank is gone; `pids` were its processes. A device that was not taken is left alone.
  void GiveBack(const std::string& uuid, const std::vector<int64_t>& pids, absl::Duration now);

  /// A device that is not there is leaked.
  DeviceState StateOf(const std::string& uuid) const;

  /// Some device was given back and is not yet seen free.
  bool freeing() const { return !freeing_.empty(); }

  const std::vector<Device>& devices() const { return devices_; }

 private:
  struct Freeing {
    std::vector<int64_t> pids;
    absl::Duration until;
  };
  const Device* Find(const std::string& uuid) const;
  bool IsQuiet(const Device& device) const;

  DeviceLimits limits_;
  std::vector<Device> devices_;
  std::set<std::string> taken_;
  std::map<std::string, Freeing> freeing_;  // until seen free, or the wait is over
};

}  // namespace lrti::worker
