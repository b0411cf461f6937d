#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "train/collective/collective.h"

namespace c10d {
class Reducer;
}

namespace lrti::train {

/// Means of gradients over all ranks, sent in buckets while the backward pass still runs.
///
/// A parameter that no rank used has no gradient afterwards, as with one rank; one that some used
/// counts as zero for the others. In a group of one nothing happens. LibTorch's and Gloo's
/// exceptions come out of the backward pass.
class GradientMean {
 public:
  /// The group must outlive it.
  explicit GradientMean(Collective& group);
  ~GradientMean();

  /// The parameters that learn from now on, in the same order on all ranks. Call it before the
  /// forward pass.
  void Follow(const std::vector<at::Tensor>& learning);

  /// The next backward pass, from `loss`, is the last one before an update: when it returns,
  /// gradients are means over ranks of what has added up on each.
  void Expect(const at::Tensor& loss);

  /// Takes part in the means with gradients of zero: for a rank that has nothing to train on.
  void GiveNothing();

 private:
  Collective& group_;
  std::vector<at::Tensor> learning_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

}  // namespace lrti::train
