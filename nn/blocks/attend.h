#pragma once

#include <ATen/core/Tensor.h>

namespace lrti::nn {

/// What attention makes of the scores s of a query with its keys:
///
///     kSoftmax          exp(s_j) / sum_k exp(s_k)
///     kSoftmaxPositive  the same over the keys with s > 0 alone; the others weigh nothing, and a
///                       query without any such key gets zeros
///     kRelu2            max(s_j, 0)^2, not normalised
enum class AttentionWeights { kSoftmax, kSoftmaxPositive, kRelu2 };

struct AttentionRule {
  AttentionWeights weights = AttentionWeights::kSoftmax;
  double score_scale = 1;
  double output_scale = 1;
};

/// Attention of tokens within their windows, in several heads:
///
///     s = score_scale q k^T + bias + mask,   output = output_scale weights(s) v
///
/// Queries are the tokens of the `own` frames; keys and values are those of the `others`, then of
/// the own.
///
/// Shapes  own: [F, N, P, 3D], of each token q, k and v; F frames, N windows, P tokens of a window.
///         others: [F', N, P, 2D], of each token k and v; may be undefined.
///         bias: [heads, F P, (F' + F) P]. mask: [N, P, P] for all pairs of frames, or undefined.
///         Returns [F, N, P, D].
/// Types   computes in fp32 or wider, whatever autocast says; answers in own's type.
/// Memory  scores are never kept: on the CPU a few windows' fit the cache, and the backward pass
///         makes them again.
/// Errors  c10::Error where a shape does not fit.
/// Source  relu2: LRTI-VSR, Eq. 6.
at::Tensor Attend(const at::Tensor& own, const at::Tensor& others, const at::Tensor& bias,
                  const at::Tensor& mask, const AttentionRule& rule);

}  // namespace lrti::nn
