#pragma once

#include <string>
#include <vector>

#include "services/worker/device/inventory.h"

namespace lrti::worker {

/// Slots of the processor in place of GPUs, named cpu-MACHINE-0, cpu-MACHINE-1, ... They share the
/// machine's memory, so none of them is ever held by somebody else.
class CpuSlots final : public Inventory {
 public:
  /// `slots` 0: one a core, at most 64.
  CpuSlots(std::string machine, int64_t slots);

  absl::StatusOr<std::vector<Device>> List() override;
  bool gpus() const override { return false; }

 private:
  const std::string machine_;
  const int64_t slots_;
};

}  // namespace lrti::worker
