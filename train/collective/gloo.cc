#include "train/collective/gloo.h"

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace lrti::train {

c10::intrusive_ptr<c10d::Backend> MakeGloo(const c10::intrusive_ptr<c10d::Store>& store,
                                           int64_t rank, int64_t world_size,
                                           const std::string& address, absl::Duration timeout) {
  auto options = c10d::ProcessGroupGloo::Options::create();
  options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  options->timeout = absl::ToChronoMilliseconds(timeout);
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(rank),
                                                     static_cast<int>(world_size), options);
}

}  // namespace lrti::train
