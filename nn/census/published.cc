#include "nn/census/published.h"

#include <numeric>
#include <variant>

namespace lrti::nn {
namespace {

constexpr int64_t kBranches = 4;
constexpr int64_t kStack = 3;   // frames that meet in a branch
constexpr int64_t kKernel = 9;  // 3x3

int64_t OfPsrtBlock(int64_t width, int64_t keys) {
  return kStack * (8 * width * width + 2 * keys * width + 2 * width);
}

int64_t OfMiaBlock(int64_t width, int64_t keys) {
  return 13 * width * width + 4 * keys * width + 4 * width;
}

// Of each LR pixel.
int64_t OfNetwork(const job::TransformerSizes& sizes, int64_t of_block) {
  const int64_t width = sizes.embed_dim;
  const int64_t mid = sizes.mid_channels;
  const int64_t tail = sizes.tail_channels;
  const int64_t blocks = std::accumulate(sizes.depths.begin(), sizes.depths.end(), int64_t{0});
  const auto groups = static_cast<int64_t>(sizes.depths.size());
  const int64_t conv = kKernel * width * width;
  const int64_t norms = 2 * kStack * width;
  const int64_t branch = blocks * of_block + groups * kStack * conv + conv + norms;
  const int64_t first = kKernel * 3 * width;
  const int64_t before_tail = kKernel * width * mid;
  const int64_t enlarging = kKernel * (mid * 4 * mid + 4 * mid * 4 * tail);
  const int64_t last = 16 * kKernel * (tail * tail + tail * 3);
  return first + kBranches * branch + before_tail + enlarging + last;
}

struct OfPixel {
  std::optional<int64_t> operator()(const job::PsrtOptions& options) const {
    return OfNetwork(options.sizes, OfPsrtBlock(options.sizes.embed_dim, Keys(options.sizes)));
  }
  std::optional<int64_t> operator()(const job::IiabOptions& options) const {
    return OfNetwork(options.sizes, OfMiaBlock(options.sizes.embed_dim, Keys(options.sizes)));
  }
  std::optional<int64_t> operator()(const job::LrtiVsrOptions& options) const {
    return OfNetwork(options.sizes, OfMiaBlock(options.sizes.embed_dim, Keys(options.sizes)));
  }
  template <typename Other>
  std::optional<int64_t> operator()(const Other&) const {
    return std::nullopt;
  }

  static int64_t Keys(const job::TransformerSizes& sizes) {
    return kStack * sizes.window * sizes.window;
  }
};

}  // namespace

std::optional<int64_t> PublishedMacs(const job::ModelConfig& config, int64_t height,
                                     int64_t width) {
  const std::optional<int64_t> of_pixel = std::visit(OfPixel{}, config);
  if (!of_pixel) return std::nullopt;
  return *of_pixel * height * width;
}

}  // namespace lrti::nn
