#include "nn/blocks/feed_forward.h"

#include <torch/torch.h>

#include "nn/blocks/tokens.h"

namespace lrti::nn {
namespace {

int64_t Hidden(int64_t width, FeedForwardKind kind) {
  return kind == FeedForwardKind::kGatedSeparate ? 4 * width / 3 : 2 * width;
}

}  // namespace

FeedForward::FeedForward(int64_t width, FeedForwardKind kind)
    : kind_(kind),
      fc1_(register_module("fc1", TokenLinear(width, Hidden(width, kind)))),
      fc2_(register_module("fc2", TokenLinear(Hidden(width, kind), width))) {
  if (kind == FeedForwardKind::kGatedSeparate) {
    fc_state_ = register_module("fc_state", TokenLinear(width, Hidden(width, kind)));
  }
}

at::Tensor FeedForward::Forward(const at::Tensor& x, const at::Tensor& h) {
  if (kind_ == FeedForwardKind::kMlp) return fc2_(at::gelu(fc1_(x)));
  const at::Tensor root = fc1_(x).relu_();
  const at::Tensor gate = fc_state_ ? fc_state_(h) : fc1_(h);
  return fc2_(root * gate * root);
}

}  // namespace lrti::nn
