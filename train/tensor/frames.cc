#include "train/tensor/frames.h"

#include <torch/torch.h>

namespace lrti::train {

at::Tensor FromPlanes(const std::vector<uint8_t>& planes, int64_t frames, int64_t channels,
                      int64_t height, int64_t width) {
  TORCH_CHECK(static_cast<int64_t>(planes.size()) == frames * channels * height * width,
              "FromPlanes: ", planes.size(), " bytes are not ", frames, " frames of ", channels,
              "x", height, "x", width);
  at::Tensor bytes = torch::empty({1, frames, channels, height, width}, torch::kUInt8);
  std::copy(planes.begin(), planes.end(), bytes.data_ptr<uint8_t>());
  return bytes.to(torch::kFloat32).div_(255);
}

std::vector<uint8_t> ToPixels(const at::Tensor& frame) {
  at::Tensor pixels = frame.detach()
                          .to(torch::kCPU, torch::kFloat32)
                          .clamp(0, 1)
                          .mul(255)
                          .round()
                          .to(torch::kUInt8)
                          .permute({1, 2, 0})
                          .contiguous();
  const uint8_t* first = pixels.const_data_ptr<uint8_t>();
  return {first, first + pixels.numel()};
}

}  // namespace lrti::train
