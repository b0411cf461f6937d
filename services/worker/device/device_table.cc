#include "services/worker/device/device_table.h"

#include <algorithm>
#include <utility>

namespace lrti::worker {

void DeviceTable::Observe(std::vector<Device> devices, absl::Duration now) {
  devices_ = std::move(devices);
  std::erase_if(freeing_, [&](const auto& entry) {
    const Device* const device = Find(entry.first);
    return device == nullptr || IsQuiet(*device) || now >= entry.second.until;
  });
}

bool DeviceTable::Take(const std::string& uuid) {
  if (StateOf(uuid) != DeviceState::kFree) return false;
  taken_.insert(uuid);
  return true;
}

void DeviceTable::GiveBack(const std::string& uuid, const std::vector<int64_t>& pids,
                           absl::Duration now) {
  if (taken_.erase(uuid) == 0) return;
  freeing_.insert_or_assign(uuid, Freeing{pids, now + limits_.free_wait});
}

DeviceState DeviceTable::StateOf(const std::string& uuid) const {
  if (taken_.contains(uuid)) return DeviceState::kBusy;
  if (freeing_.contains(uuid)) return DeviceState::kFreeing;
  const Device* const device = Find(uuid);
  return device != nullptr && IsQuiet(*device) ? DeviceState::kFree : DeviceState::kLeaked;
}

const Device* DeviceTable::Find(const std::string& uuid) const {
  const auto found = std::find_if(devices_.begin(), devices_.end(),
                                  [&](const Device& device) { return device.uuid == uuid; });
  return found == devices_.end() ? nullptr : &*found;
}

bool DeviceTable::IsQuiet(const Device& device) const {
  if (!device.fault.empty() || device.memory_used_bytes > limits_.memory_used_max) return false;
  const auto freeing = freeing_.find(device.uuid);
  if (freeing == freeing_.end()) return true;
  return std::none_of(device.pids.begin(), device.pids.end(), [&](int64_t pid) {
    const std::vector<int64_t>& ours = freeing->second.pids;
    return std::find(ours.begin(), ours.end(), pid) != ours.end();
  });
}

}  // namespace lrti::worker
