#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/worker/device/inventory.h"

namespace lrti::worker {

/// GPUs as NVIDIA's management library sees them. The library belongs to the driver, so it is
/// loaded at run time, and nothing of it is needed to build.
class Nvml final : public Inventory {
 public:
  /// `library`: a path, or a name that the loader finds. Errors: NotFound when it is not there or
  /// there is no GPU; Unavailable when it does not work, with the driver's own words.
  static absl::StatusOr<std::unique_ptr<Nvml>> Load(const std::string& library);

  ~Nvml() override;
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  absl::StatusOr<std::vector<Device>> List() override;
  std::vector<XidEvent> NewXids() override;
  bool gpus() const override { return true; }

 private:
  struct Library;
  explicit Nvml(std::unique_ptr<Library> library);

  std::unique_ptr<Library> library_;
};

}  // namespace lrti::worker
