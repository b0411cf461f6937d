#include "train/tensor/frames.h"

#include <torch/torch.h>

namespace lrti::train {

at::Tensor FromPlanes(std::span<const std::vector<uint8_t>> frames, int64_t channels,
                      int64_t height, int64_t width, const c10::Device& device) {
  const auto count = static_cast<int64_t>(frames.size());
  at::Tensor bytes = torch::empty({1, count, channels, height, width}, torch::kUInt8);
  uint8_t* to = bytes.data_ptr<uint8_t>();
  for (const std::vector<uint8_t>& frame : frames) {
    TORCH_CHECK(static_cast<int64_t>(frame.size()) == channels * height * width,
                "FromPlanes: ", frame.size(), " values are not a frame of ", channels, "x", height,
                "x", width);
    to = std::copy(frame.begin(), frame.end(), to);
  }
  return bytes.to(device).to(torch::kFloat32).div_(255);
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
