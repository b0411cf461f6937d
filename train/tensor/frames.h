#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <span>
#include <vector>

namespace lrti::train {

/// Planar 8-bit frames as a float tensor [1, T, C, H, W] in 0..1 on the device, to which they go as
/// bytes. REQUIRES: each has channels * height * width values.
at::Tensor FromPlanes(std::span<const std::vector<uint8_t>> frames, int64_t channels,
                      int64_t height, int64_t width, const c10::Device& device = c10::kCPU);

/// One frame [3, H, W] as interleaved 8-bit pixels: clamped to 0..1, times 255, rounded half to
/// even.
std::vector<uint8_t> ToPixels(const at::Tensor& frame);

}  // namespace lrti::train
