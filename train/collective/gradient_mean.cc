#include "train/collective/gradient_mean.h"

#include <torch/torch.h>

#include <algorithm>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

namespace lrti::train {
namespace {

/// Swallows warnings of the reducer: that a search for unused parameters found none.
class Quiet final : public c10::WarningHandler {
 public:
  void process(const c10::Warning&) override {}
};

std::unique_ptr<c10d::Reducer> MakeReducer(const std::vector<at::Tensor>& parameters,
                                           c10d::ProcessGroup& group) {
  const std::vector<bool> sparse(parameters.size(), false);
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {c10d::kDefaultFirstBucketBytes, c10d::kDefaultBucketBytesCap}, sparse);
  std::reverse(buckets.begin(), buckets.end());  // gradients arrive from the last parameter on
  return std::make_unique<c10d::Reducer>(
      parameters, std::move(buckets), c10::intrusive_ptr<c10d::ProcessGroup>::reclaim_copy(&group),
      sparse, c10d::kDefaultBucketBytesCap, /*find_unused_parameters=*/true,
      /*gradient_as_bucket_view=*/true, std::unordered_map<size_t, std::string>(),
      c10d::kDefaultFirstBucketBytes, /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, std::vector<int64_t>());
}

bool Same(const std::vector<at::Tensor>& one, const std::vector<at::Tensor>& two) {
  return std::equal(one.begin(), one.end(), two.begin(), two.end(),
                    [](const at::Tensor& a, const at::Tensor& b) { return a.is_same(b); });
}

}  // namespace

GradientMean::GradientMean(Collective& group) : group_(group) {}

GradientMean::~GradientMean() = default;

void GradientMean::Follow(const std::vector<at::Tensor>& learning) {
  if (group_.alone() || Same(learning, learning_)) return;
  reducer_.reset();
  learning_ = learning;
  if (!learning.empty()) reducer_ = MakeReducer(learning, *group_.group());
}

void GradientMean::Expect(const at::Tensor& loss) {
  if (!reducer_) return;
  Quiet quiet;
  const c10::WarningUtils::WarningHandlerGuard guard(&quiet);
  reducer_->prepare_for_backward({loss});
}

void GradientMean::GiveNothing() {
  if (!reducer_) return;
  const at::Tensor nothing = learning_.front().flatten().narrow(0, 0, 0).sum();
  Expect(nothing);
  nothing.backward();
}

}  // namespace lrti::train
