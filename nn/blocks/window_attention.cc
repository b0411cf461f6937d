#include "nn/blocks/window_attention.h"

#include <torch/torch.h>

#include <algorithm>

#include "nn/blocks/tokens.h"

namespace lrti::nn {
namespace {

// Distances of all pairs of places, query minus key, counted from the smallest.
struct Distances {
  at::Tensor of_pairs;  // [queries, keys]
  int64_t count = 0;
};

Distances Between(const at::Tensor& queries, const at::Tensor& keys) {
  const at::Tensor of_pairs = queries.unsqueeze(1) - keys.unsqueeze(0);
  const at::Tensor least = of_pairs.min();
  return {of_pairs - least, (of_pairs.max() - least).item<int64_t>() + 1};
}

// Of pairs of tokens, from those of their frames, rows and columns: [F P, F' P].
Distances OfTokens(const Distances& frames, const Distances& sides) {
  const at::Tensor rows = sides.of_pairs.view({1, sides.of_pairs.size(0), 1, 1, -1, 1});
  const at::Tensor columns = sides.of_pairs.view({1, 1, sides.of_pairs.size(0), 1, 1, -1});
  const at::Tensor times = frames.of_pairs.view({frames.of_pairs.size(0), 1, 1, -1, 1, 1});
  const at::Tensor all = (times * sides.count + rows) * sides.count + columns;
  const int64_t tokens = sides.of_pairs.numel();  // window^2
  return {all.reshape({frames.of_pairs.size(0) * tokens, frames.of_pairs.size(1) * tokens}),
          frames.count * sides.count * sides.count};
}

Distances InWindow(int64_t window, const WindowFrames& frames) {
  const at::Tensor places = at::tensor(frames.places, at::kLong);
  const at::Tensor side = at::arange(window, at::kLong);
  const int64_t asking = frames.Updated();
  return OfTokens(Between(places.narrow(0, places.size(0) - asking, asking), places),
                  Between(side, side));
}

}  // namespace

WindowAttention::WindowAttention(int64_t width, int64_t heads, int64_t window,
                                 const WindowFrames& frames, const AttentionRule& rule)
    : rule_(rule), qkv_(TokenLinear(width, 3 * width)), proj_(TokenLinear(width, width)) {
  TORCH_CHECK(width % heads == 0, "WindowAttention: width ", width, " is no multiple of ", heads,
              " heads");
  const Distances distances = InWindow(window, frames);
  distances_ = distances.of_pairs;
  table_ = register_parameter("relative_position_bias_table",
                              at::randn({distances.count, heads}).mul_(0.02));
  register_module("qkv", qkv_);
  register_module("proj", proj_);
}

at::Tensor WindowAttention::Bias() {
  distances_ = distances_.to(table_.device());
  return at::embedding(table_, distances_).permute({2, 0, 1}).contiguous();
}

at::Tensor WindowAttention::Forward(const at::Tensor& updated, const at::Tensor& fixed,
                                    const at::Tensor& bias, const at::Tensor& mask) {
  const at::Tensor own = qkv_(updated);
  at::Tensor others;
  if (fixed.defined()) {  // nobody asks for them: no queries
    const int64_t width = updated.size(3);
    others = at::linear(fixed, qkv_->weight.narrow(0, width, 2 * width),
                        qkv_->bias.narrow(0, width, 2 * width));
  }
  return proj_(Attend(own, others, bias, mask, rule_));
}

}  // namespace lrti::nn
