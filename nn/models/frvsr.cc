#include "nn/models/frvsr.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <string>

#include "nn/blocks/checkpoint.h"
#include "nn/blocks/conv.h"
#include "nn/blocks/flow_warp.h"
#include "nn/models/check_clip.h"
#include "nn/models/flows.h"
#include "nn/models/input_frames.h"
#include "nn/models/walk.h"

namespace lrti::nn {
namespace {

constexpr int64_t kScale = 4;
constexpr int64_t kColours = 3;

torch::nn::ConvTranspose2d Doubling(int64_t channels) {
  return torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(channels, channels, 3)
                                        .stride(2)
                                        .padding(1)
                                        .output_padding(1));
}

// [B, 3, 4H, 4W] to [B, 48, H, W], channel (4 dy + dx) 3 + c.
at::Tensor SpaceToDepth(const at::Tensor& picture) {
  const int64_t height = picture.size(2) / kScale;
  const int64_t width = picture.size(3) / kScale;
  return picture.reshape({-1, kColours, height, kScale, width, kScale})
      .permute({0, 3, 5, 1, 2, 4})
      .reshape({-1, kScale * kScale * kColours, height, width});
}

}  // namespace

FrvsrPicture::FrvsrPicture(int64_t in, int64_t features, int64_t blocks)
    : conv_in_(SameConv(in + kScale * kScale * kColours, features, 3)),
      conv_up_first_(Doubling(features)),
      conv_up_second_(Doubling(features)),
      conv_out_(SameConv(features, kColours, 3)) {
  const auto chain = [](torch::nn::Module& parent, const std::string& name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>());
  };
  chain(*this, "conv_in")->register_module("0", conv_in_);
  const auto list = chain(*this, "resblocks");
  for (int64_t i = 0; i < blocks; ++i) {
    const auto conv = chain(*chain(*list, std::to_string(i)), "conv");
    blocks_.push_back({conv->register_module("0", SameConv(features, features, 3)),
                       conv->register_module("2", SameConv(features, features, 3))});
  }
  const auto up = chain(*this, "conv_up");
  up->register_module("0", conv_up_first_);
  up->register_module("2", conv_up_second_);
  register_module("conv_out", conv_out_);
}

at::Tensor FrvsrPicture::Forward(const at::Tensor& x, const at::Tensor& previous) {
  at::Tensor y =
      conv_in_(at::cat({x, SpaceToDepth(previous)}, 1).contiguous(at::MemoryFormat::ChannelsLast))
          .relu_();
  for (ResidualConvs& block : blocks_) y = block.second(block.first(y).relu_()).add_(y);
  y = conv_up_second_(conv_up_first_(y).relu_()).relu_();
  return conv_out_(y);
}

Frvsr::Frvsr(const job::FrvsrOptions& options)
    : frame_numbers_(options.frame_numbers),
      states_({{"forward", Direction::kForward, 1, kColours, Grid::kHr}}),
      fnet_(register_module("fnet", std::make_shared<Fnet>())),
      srnet_(register_module("srnet",
                             std::make_shared<FrvsrPicture>(InputChannels(options.frame_numbers),
                                                            options.features, options.blocks))) {
  if (options.degradation != job::FrvsrDegradation::kBd) return;
  cubic_ = register_module("upsample_func", std::make_shared<CubicUp4>());
  srnet_->register_module("upsample_func", std::make_shared<CubicUp4>());
}

at::Tensor Frvsr::Enlarged(const at::Tensor& images) const {
  if (cubic_) return cubic_->Forward(images);
  return at::upsample_bilinear2d(images, {kScale * images.size(2), kScale * images.size(3)},
                                 /*align_corners=*/false);
}

Flows Frvsr::EstimateFlows(const at::Tensor& frames, const Reach& reach) {
  CheckFrames(frames);
  const int64_t pairs = frames.size(1) - 1;
  if (pairs < 1) return {};
  const int64_t wanted = std::clamp<int64_t>(reach.forward_end - 1, 0, pairs);
  const int64_t step = PairsAtATime(frames);
  std::vector<at::Tensor> found;
  for (int64_t begin = 0; begin < wanted; begin += step) {
    const int64_t count = std::min(step, wanted - begin);
    found.push_back(fnet_
                        ->Forward(frames.narrow(1, begin + 1, count).flatten(0, 1),
                                  frames.narrow(1, begin, count).flatten(0, 1))
                        .unflatten(0, {frames.size(0), count}));
  }
  // Of the rest, and of the other direction, zeros that take no memory.
  const at::Tensor zero = at::zeros({1, 1, 1, 1, 1}, frames.options());
  const auto zeros = [&](int64_t count) {
    return zero.expand({frames.size(0), count, 2, frames.size(3), frames.size(4)});
  };
  if (wanted < pairs) found.push_back(zeros(pairs - wanted));
  return {found.size() == 1 ? found[0] : at::cat(found, 1), zeros(pairs)};
}

at::Tensor Frvsr::Forward(const Clip& clip, const Tap& tap) {
  CheckClip(clip, states_, /*needs_flow=*/true);
  std::vector<at::Tensor> output;
  Sweep(clip, {.forward_end = ClipLength(clip)}, tap,
        [&](const at::Tensor& picture) { output.push_back(picture); });
  return at::stack(output, 1);
}

void Frvsr::Propagate(const Clip& clip, const Reach& reach, const Tap& tap) {
  CheckClip(clip, states_, /*needs_flow=*/true);
  Sweep(clip, reach, tap, [](const at::Tensor&) {});
}

template <typename Use>
void Frvsr::Sweep(const Clip& clip, const Reach& reach, const Tap& tap, const Use& use) {
  const int64_t height = kScale * clip.frames.size(3);
  const int64_t width = kScale * clip.frames.size(4);
  const at::Tensor inputs = InputFrames(clip, frame_numbers_);
  const FlowWarp warp(height, width, clip.frames.options());
  // Inputs: the frame, the frame as the first layer sees it, and what came before, if anything.
  const Block picture = [this, warp](const std::vector<at::Tensor>& in) {
    const at::Tensor previous =
        in.size() > 2
            ? warp(in[2], kScale * Enlarged(in[3]), Padding::kBorder)
            : at::zeros({in[0].size(0), kColours, kScale * in[0].size(2), kScale * in[0].size(3)},
                        in[0].options());
    return Enlarged(in[0]) + srnet_->Forward(in[1], previous);
  };
  Walk walk(clip, states_, 0);
  walk.Run(VisitsWithin(states_[0], reach, ClipLength(clip)),
           [&](int64_t frame, const std::vector<Earlier>& earlier) {
             std::vector<at::Tensor> in = {clip.frames.select(1, clip.left + frame),
                                           inputs.select(1, clip.left + frame)};
             if (!earlier.empty()) {
               in.insert(in.end(), {earlier[0].state, earlier[0].flow});
             }
             const at::Tensor state =
                 activation_checkpointing() ? Checkpointed(*srnet_, picture, in) : picture(in);
             if (tap) tap(0, frame, state);
             use(state);
             return state;
           });
}

}  // namespace lrti::nn
