#include "train/tensor/state_codec.h"

#include <torch/torch.h>

#include <cstring>

#include "common/base/status.h"

namespace lrti::train {
namespace {

using hidden_state::Blob;
using hidden_state::Dtype;

constexpr double kHalfMax = 65504;

at::ScalarType ScalarTypeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFp32:
      return at::kFloat;
    case Dtype::kBf16:
      return at::kBFloat16;
    case Dtype::kFp16:
      return at::kHalf;
  }
  TORCH_CHECK(false, "unknown state dtype");
}

}  // namespace

std::shared_ptr<const Blob> Encode(const at::Tensor& state, Dtype dtype) {
  const at::Tensor source = state.detach();
  if (dtype == Dtype::kFp16 && source.abs().max().item<double>() > kHalfMax) dtype = Dtype::kBf16;
  // Narrowed on the device first: half the bytes cross the bus.
  const at::Tensor values = source.to(ScalarTypeOf(dtype)).cpu().contiguous();
  auto blob = std::make_shared<Blob>();
  blob->dtype = dtype;
  blob->shape = values.sizes().vec();
  blob->bytes.resize(values.nbytes());
  std::memcpy(blob->bytes.data(), values.const_data_ptr(), values.nbytes());
  return blob;
}

absl::StatusOr<at::Tensor> Decode(const Blob& blob) {
  at::Tensor values = torch::empty(blob.shape, ScalarTypeOf(blob.dtype));
  if (values.nbytes() != blob.bytes.size()) {
    return DataLoss("state of {} bytes where its shape needs {}", blob.bytes.size(),
                    values.nbytes());
  }
  std::memcpy(values.mutable_data_ptr(), blob.bytes.data(), blob.bytes.size());
  return values.to(at::kFloat);
}

}  // namespace lrti::train
