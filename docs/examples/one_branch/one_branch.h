#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "common/config/schema.h"
#include "common/job/frame_numbers.h"
#include "nn/blocks/residual_block.h"
#include "nn/blocks/tail.h"
#include "nn/models/model.h"

namespace lrti::job {

/// A small network without flow, one branch forward through time: docs/add-a-network.md.
struct OneBranchOptions {
  static constexpr const char* kType = "one_branch";

  int64_t channels = 32;
  int64_t blocks = 4;
  int64_t frame_numbers = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"channels", &OneBranchOptions::channels, "Width of the features.",
                      config::Between(1, 1024)},
        config::Field{"blocks", &OneBranchOptions::blocks, "Residual blocks.",
                      config::Between(1, 200)},
        FrameNumbers(&OneBranchOptions::frame_numbers),
    };
  }
};
static_assert(config::Covered<OneBranchOptions>);

}  // namespace lrti::job

namespace lrti::nn {

/// One branch forward through time, its last state handed on where it is:
///
///     h_t = trunk([x_t, h_{t-1}]),   y_t = tail(h_t, x_t)
///
/// Names  trunk, upconv1, upconv2, conv_hr, conv_last.
class OneBranch final : public Model {
 public:
  explicit OneBranch(const job::OneBranchOptions& options);

  const std::vector<StateSpec>& States() const override { return states_; }
  Flows EstimateFlows(const at::Tensor&, const Reach&) override { return {}; }
  at::Tensor Forward(const Clip& clip, const Tap& tap) override;
  void Propagate(const Clip& clip, const Reach& reach, const Tap& tap) override;
  std::string FlowPrefix() const override { return ""; }

  using Model::EstimateFlows;
  using Model::Propagate;

 private:
  template <typename Use>
  void Sweep(const Clip& clip, const Reach& reach, const Tap& tap, const Use& use);

  int64_t frame_numbers_;
  std::vector<StateSpec> states_;
  std::shared_ptr<ConvResidualBlocks> trunk_;
  Tail tail_;
};

}  // namespace lrti::nn
