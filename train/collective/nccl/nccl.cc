#include "train/collective/nccl.h"

#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL  // the header below is empty without it
#endif
#include <torch/csrc/distributed/c10d/NCCLUtils.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "common/base/status.h"

namespace lrti::train {
namespace {

// Options hold a struct of NCCL's, whose size differs between its versions.
absl::Status CheckVersion() {
  const std::string headers = fmt::format("{}.{}.{}", NCCL_MAJOR, NCCL_MINOR, NCCL_PATCH);
  const std::string library = c10d::getNcclVersion();
  if (headers == library) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable,
               "this build used the headers of NCCL {}, but LibTorch has NCCL {}; build again with "
               "the nvidia-nccl wheel that LibTorch's names",
               headers, library);
}

}  // namespace

absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> MakeNccl(
    const c10::intrusive_ptr<c10d::Store>& store, int64_t rank, int64_t world_size,
    const c10::Device& device, absl::Duration timeout) {
  LRTI_RETURN_IF_ERROR(CheckVersion());
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = absl::ToChronoMilliseconds(timeout);
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, static_cast<int>(rank),
                                                             static_cast<int>(world_size), options);
  backend->setBoundDeviceId(device);
  return backend;
}

}  // namespace lrti::train
