#include "train/tensor/state_codec.h"

#include <torch/torch.h>

#include <cstring>
#include <span>

#include "common/base/status.h"
#include "common/hidden_state/blob.h"
#include "common/hidden_state/chunks.h"
#include "common/hidden_state/codec/codec.h"

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
    case Dtype::kInt8:
      return at::kChar;
  }
  TORCH_CHECK(false, "unknown state dtype");
}

std::span<const float> ValuesOf(const at::Tensor& state) {
  return {state.const_data_ptr<float>(), static_cast<size_t>(state.numel())};
}

/// nullptr when int8 cannot hold the state.
std::shared_ptr<const Blob> EncodeInt8(const at::Tensor& state) {
  const at::Tensor values = state.to(at::kFloat).cpu().contiguous();
  auto blob = std::make_shared<Blob>();
  blob->dtype = Dtype::kInt8;
  blob->shape = values.sizes().vec();
  blob->bytes.resize(static_cast<size_t>(values.numel()));
  if (values.numel() > 0) blob->scales.resize(hidden_state::PlanesOf(blob->shape));
  const codec::Loss loss =
      codec::Encode(codec::Encoding::kInt8, ValuesOf(values), blob->bytes, blob->scales);
  blob->crcs = hidden_state::ChunkCrcs(blob->bytes);
  return codec::Instead(codec::Encoding::kInt8, loss) == codec::Encoding::kInt8 ? blob : nullptr;
}

absl::StatusOr<at::Tensor> DecodeInt8(const Blob& blob) {
  at::Tensor values = torch::empty(blob.shape, at::kFloat);
  const std::span<float> room(values.mutable_data_ptr<float>(),
                              static_cast<size_t>(values.numel()));
  LRTI_RETURN_IF_ERROR(codec::Decode(codec::Encoding::kInt8, blob.bytes, blob.scales, room));
  return values;
}

}  // namespace

std::shared_ptr<const Blob> Encode(const at::Tensor& state, Dtype dtype) {
  const at::Tensor source = state.detach();
  if (dtype == Dtype::kInt8) {
    if (auto blob = EncodeInt8(source)) return blob;
    dtype = Dtype::kFp32;
  }
  if (dtype == Dtype::kFp16 && source.abs().max().item<double>() > kHalfMax) dtype = Dtype::kBf16;
  // Narrowed on the device first: half the bytes cross the bus.
  const at::Tensor values = source.to(ScalarTypeOf(dtype)).cpu().contiguous();
  auto blob = std::make_shared<Blob>();
  blob->dtype = dtype;
  blob->shape = values.sizes().vec();
  blob->bytes.resize(values.nbytes());
  std::memcpy(blob->bytes.data(), values.const_data_ptr(), values.nbytes());
  blob->crcs = hidden_state::ChunkCrcs(blob->bytes);  // while they are in the processor's cache
  return blob;
}

absl::StatusOr<at::Tensor> Decode(const Blob& blob) {
  if (!hidden_state::WellFormed(blob)) {
    return DataLoss("state of {} bytes and {} scales, which its shape does not need",
                    blob.bytes.size(), blob.scales.size());
  }
  if (blob.dtype == Dtype::kInt8) return DecodeInt8(blob);
  at::Tensor values = torch::empty(blob.shape, ScalarTypeOf(blob.dtype));
  std::memcpy(values.mutable_data_ptr(), blob.bytes.data(), blob.bytes.size());
  return values.to(at::kFloat);
}

}  // namespace lrti::train
