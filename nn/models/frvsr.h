#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/job/frvsr.h"
#include "nn/blocks/cubic_up.h"
#include "nn/blocks/fnet.h"
#include "nn/models/model.h"

namespace lrti::nn {

/// What FRVSR makes a picture with:
///
///     detail = conv_out(conv_up(resblocks(conv_in([x, previous in 16 times as many channels]))))
///
/// Shapes  x: [B, in, H, W]; previous: [B, 3, 4H, 4W]; returns [B, 3, 4H, 4W].
/// Names   conv_in.0, resblocks.{i}.conv.{0,2}, conv_up.{0,2}, conv_out.
class FrvsrPicture : public torch::nn::Module {
 public:
  FrvsrPicture(int64_t in, int64_t features, int64_t blocks);

  at::Tensor Forward(const at::Tensor& x, const at::Tensor& previous);

 private:
  struct ResidualConvs {
    torch::nn::Conv2d first;
    torch::nn::Conv2d second;
  };

  torch::nn::Conv2d conv_in_;
  std::vector<ResidualConvs> blocks_;
  torch::nn::ConvTranspose2d conv_up_first_;
  torch::nn::ConvTranspose2d conv_up_second_;
  torch::nn::Conv2d conv_out_;
};

/// FRVSR: one branch forward through time whose state is the picture itself:
///
///     y_t = picture(x_t, warp(y_{t-1}, 4 up(flow))) + up(x_t)
///
/// A video begins with zeros for y_{-1}. `up` follows the degradation: bilinear, or cubic.
/// Flow is needed forward in time alone.
/// Names   fnet, srnet; for bd also buffers {srnet.,}upsample_func.kernels.
/// Source  Sajjadi et al., CVPR 2018, arXiv:1801.04590; as used by PI-BPTT.
class Frvsr final : public Model {
 public:
  explicit Frvsr(const job::FrvsrOptions& options);

  const std::vector<StateSpec>& States() const override { return states_; }
  using Model::EstimateFlows;
  Flows EstimateFlows(const at::Tensor& frames, const Reach& reach) override;
  at::Tensor Forward(const Clip& clip, const Tap& tap) override;
  using Model::Propagate;
  void Propagate(const Clip& clip, const Reach& reach, const Tap& tap) override;
  std::string FlowPrefix() const override { return "fnet."; }

 private:
  at::Tensor Enlarged(const at::Tensor& images) const;

  template <typename Use>
  void Sweep(const Clip& clip, const Reach& reach, const Tap& tap, const Use& use);

  int64_t frame_numbers_;
  std::vector<StateSpec> states_;
  std::shared_ptr<Fnet> fnet_;
  std::shared_ptr<FrvsrPicture> srnet_;
  std::shared_ptr<CubicUp4> cubic_;  // null: bilinear
};

}  // namespace lrti::nn
