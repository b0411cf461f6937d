#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lrti::golden {

/// Weights and inputs made from names and places alone, so that two implementations of a network,
/// in any language, can be compared by a few numbers. All integers are 32 bits and wrap.
///
/// A weight named n, element i:  s = FNV-1a(n);  v = i * 2654435761 + s;  v ^= v >> 16;
///                               v *= 2246822519;  v ^= v >> 13;  r = 2 v / 2^32 - 1
/// More than one dimension: r sqrt(3 / fan_in), halved for the layers that put out flow.
/// One dimension: 0.05 r, plus 1 for the weights of norms.

inline uint32_t Fnv1a(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

/// r of the recipe, in -1..1.
inline double Noise(uint32_t seed, uint32_t i) {
  uint32_t v = i * 2654435761u + seed;
  v ^= v >> 16;
  v *= 2246822519u;
  v ^= v >> 13;
  return 2.0 * v / 4294967296.0 - 1.0;
}

inline double WeightScale(const std::string& name, at::IntArrayRef sizes, int64_t numel) {
  if (sizes.size() <= 1) return 0.05;
  const double fan_in = static_cast<double>(numel) / static_cast<double>(sizes[0]);
  const bool puts_out_flow =
      name.find("basic_module.8.") != std::string::npos || name == "fnet.flow.2.weight";
  return std::sqrt(3.0 / fan_in) * (puts_out_flow ? 0.5 : 1.0);
}

/// The recipe's weight, fp64.
inline at::Tensor Weight(const std::string& name, at::IntArrayRef sizes) {
  const at::Tensor weight = at::empty(sizes, at::kDouble);
  const double scale = WeightScale(name, sizes, weight.numel());
  const bool of_norm =
      sizes.size() == 1 && name.find("norm") != std::string::npos && name.ends_with("weight");
  const uint32_t seed = Fnv1a(name);
  auto* values = weight.data_ptr<double>();
  for (int64_t i = 0; i < weight.numel(); ++i) {
    values[i] = scale * Noise(seed, static_cast<uint32_t>(i)) + (of_norm ? 1.0 : 0.0);
  }
  return weight;
}

/// Gives every parameter the recipe's values under `prefix` + its name. Buffers stay.
inline void SetWeights(torch::nn::Module& module, const std::string& prefix = "") {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : module.named_parameters()) {
    parameter.value().copy_(Weight(prefix + parameter.key(), parameter.value().sizes()));
  }
}

/// Gives SPyNet's image statistics their decimal values in the module's own type: in fp64 the
/// numbers below were made so, while checkpoints, and so our buffers, hold them rounded to fp32.
inline void SetImageStatistics(torch::nn::Module& module) {
  for (auto& buffer : module.named_buffers()) {
    const auto set = [&](const std::vector<double>& values) {
      buffer.value().copy_(at::tensor(values, at::kDouble).view({1, 3, 1, 1}));
    };
    if (buffer.key().ends_with("mean")) set({0.485, 0.456, 0.406});
    if (buffer.key().ends_with("std")) set({0.229, 0.224, 0.225});
  }
}

/// Frames [1, T, 3, H, W], fp64.
inline at::Tensor Frames(int64_t frames, int64_t height, int64_t width) {
  const auto axis = [](int64_t size, at::IntArrayRef shape) {
    return at::arange(size, at::kDouble).view(shape);
  };
  const at::Tensor t = axis(frames, {-1, 1, 1, 1});
  const at::Tensor c = axis(3, {-1, 1, 1});
  const at::Tensor y = axis(height, {-1, 1});
  const at::Tensor x = axis(width, {-1});
  return (0.5 + 0.25 * at::sin(0.31 * (x + 1.5 * t) + 0.17 * (y + 0.7 * t) + 2.1 * c) +
          0.25 * at::sin(0.05 * x * (c + 1) - 0.23 * y + 0.4 * t))
      .unsqueeze(0);
}

/// What a tensor is known by: mean, standard deviation (biased) and six elements.
struct Summary {
  double mean = 0;
  double deviation = 0;
  std::array<double, 6> probes{};

  explicit Summary(const at::Tensor& tensor) {
    const at::Tensor flat = tensor.detach().to(at::kDouble).contiguous().flatten();
    const int64_t n = flat.numel();
    mean = flat.mean().item<double>();
    deviation = flat.std(/*unbiased=*/false).item<double>();
    const std::array<int64_t, 6> places = {0, 1, n / 3, n / 2, 2 * n / 3, n - 1};
    for (size_t i = 0; i < places.size(); ++i) probes[i] = flat[places[i]].item<double>();
  }

  Summary(double mean_value, double deviation_value, const std::array<double, 6>& probe_values)
      : mean(mean_value), deviation(deviation_value), probes(probe_values) {}

  /// Largest difference of any of the eight numbers.
  double Distance(const Summary& other) const {
    double distance = std::max(std::abs(mean - other.mean), std::abs(deviation - other.deviation));
    for (size_t i = 0; i < probes.size(); ++i) {
      distance = std::max(distance, std::abs(probes[i] - other.probes[i]));
    }
    return distance;
  }
};

}  // namespace lrti::golden
