#include "nn/blocks/cubic_up.h"

#include <torch/torch.h>

#include <array>
#include <vector>

namespace lrti::nn {
namespace {

constexpr double kA = -0.75;

// Weights of inputs i-1 .. i+2 for a place s beyond input i.
std::array<double, 4> Taps(double s) {
  const double s2 = s * s;
  const double s3 = s2 * s;
  return {kA * (s - 2 * s2 + s3), 1 - (kA + 3) * s2 + (kA + 2) * s3,
          -kA * s + (2 * kA + 3) * s2 - (kA + 2) * s3, kA * (s2 - s3)};
}

}  // namespace

CubicUp4::CubicUp4() {
  std::vector<double> all;
  for (int d = 0; d < 4; ++d) {
    const std::array<double, 4> taps = Taps(d / 4.0);
    all.insert(all.end(), taps.begin(), taps.end());
  }
  // Multiples of 1/256: exact in fp32.
  kernels_ = register_buffer("kernels", at::tensor(all, at::kFloat).view({4, 4}));
}

// Products and sums, no convolution: autocast would round the picture.
at::Tensor CubicUp4::Forward(const at::Tensor& x) const {
  const int64_t height = x.size(2);
  const int64_t width = x.size(3);
  const at::Tensor taps = kernels_.to(x.scalar_type());
  // [.., n + 3, ..] to [.., n, .., 4 phases]
  const auto phases = [&](const at::Tensor& padded, int64_t axis) {
    return (padded.unfold(axis, 4, 1).unsqueeze(-2) * taps).sum(-1);
  };
  const at::Tensor padded = at::replication_pad2d(x, {1, 2, 1, 2});
  const at::Tensor rows = phases(padded, 2).transpose(3, 4).flatten(2, 3);
  return phases(rows, 3).reshape({x.size(0), x.size(1), 4 * height, 4 * width});
}

}  // namespace lrti::nn
