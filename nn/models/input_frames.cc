#include "nn/models/input_frames.h"

#include <torch/torch.h>

#include <algorithm>

namespace lrti::nn {

at::Tensor InputFrames(const Clip& clip, int64_t frame_numbers) {
  if (frame_numbers == 0) return clip.frames;
  const auto sizes = clip.frames.sizes();
  const auto whole = clip.frames.options().dtype(at::kLong);
  at::Tensor first = clip.first_number.defined() ? clip.first_number.to(clip.frames.device())
                                                 : at::zeros({sizes[0]}, whole);
  TORCH_CHECK(first.dim() == 1 && first.size(0) == sizes[0],
              "clip: expected a first frame number for each of ", sizes[0], " rows, got ",
              first.sizes());
  const at::Tensor numbers = first.unsqueeze(1) + at::arange(sizes[1], whole);
  const at::Tensor scaled = numbers.to(clip.frames.scalar_type()) /
                            static_cast<double>(std::max<int64_t>(frame_numbers - 1, 1));
  const at::Tensor plane =
      scaled.view({sizes[0], sizes[1], 1, 1, 1}).expand({-1, -1, 1, sizes[3], sizes[4]});
  return at::cat({clip.frames, plane}, 2);
}

}  // namespace lrti::nn
