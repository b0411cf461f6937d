#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::worker {

/// A device as the machine describes it at one moment.
struct Device {
  std::string uuid;
  std::string model;  // "cpu" for a slot without GPU
  uint64_t memory_bytes = 0;
  uint64_t memory_used_bytes = 0;  // by anybody
  std::vector<int64_t> pids;       // of processes that compute there, as the driver numbers them
  std::string fault;               // why nothing can run there; empty: it is well
};

/// A fault of a device that the driver reported (xid.h).
struct XidEvent {
  std::string uuid;
  uint64_t xid = 0;
};

/// The devices of this machine. Not thread-safe.
class Inventory {
 public:
  virtual ~Inventory() = default;

  /// All devices, always in the same order. Errors: Unavailable when the driver does not answer.
  virtual absl::StatusOr<std::vector<Device>> List() = 0;

  /// What the driver reported since the last call, at most some dozens, the oldest first. Cheap.
  virtual std::vector<XidEvent> NewXids() { return {}; }

  /// Whether the devices are GPUs, which a rank sees by CUDA_VISIBLE_DEVICES.
  virtual bool gpus() const = 0;
};

}  // namespace lrti::worker
