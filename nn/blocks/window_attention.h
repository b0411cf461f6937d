#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <vector>

#include "nn/blocks/attend.h"

namespace lrti::nn {

/// Which frames meet in a window. In memory they are always t'', t', t: the state two frames away,
/// its neighbour, the current frame.
struct WindowFrames {
  /// Place of each of these in the published stack: a pair's temporal distance is the difference.
  std::vector<int64_t> places = {0, 1, 2};
  /// All frames ask and are updated (MFSAB, attention 3P x 3P); else the current frame alone (IIAB,
  /// RITB, attention P x 3P), and the states only answer.
  bool update_all = false;

  int64_t Updated() const { return update_all ? static_cast<int64_t>(places.size()) : 1; }
};

/// Attention within windows over several frames, with a learned bias for each distance of two
/// tokens in time, rows and columns:
///
///     y = proj(Attend(qkv(updated), kv(fixed), bias))
///
/// Shapes  updated: [F, N, P, D], the frames that are updated; fixed: [F', N, P, D], those that are
///         not, or undefined; returns updated's. P = window^2.
/// Names   relative_position_bias_table, qkv, proj.
/// Source  PSRT (MFSAB), arXiv:2207.08494; MIA-VSR (IIAB), arXiv:2401.06312.
class WindowAttention : public torch::nn::Module {
 public:
  WindowAttention(int64_t width, int64_t heads, int64_t window, const WindowFrames& frames,
                  const AttentionRule& rule);

  /// The bias of all pairs of tokens, [heads, F P, (F' + F) P]. It depends on weights alone: made
  /// once where the module runs many times.
  at::Tensor Bias();

  at::Tensor Forward(const at::Tensor& updated, const at::Tensor& fixed, const at::Tensor& bias,
                     const at::Tensor& mask);

 private:
  AttentionRule rule_;
  at::Tensor distances_;  // [F P, (F' + F) P]: row of the table for each pair of tokens
  at::Tensor table_;      // [distances, heads]
  torch::nn::Linear qkv_;
  torch::nn::Linear proj_;
};

}  // namespace lrti::nn
