#include "nn/models/model.h"

#include <algorithm>

#include "nn/models/check_clip.h"

namespace lrti::nn {

Flows Model::EstimateFlows(const at::Tensor& frames) {
  TORCH_CHECK(frames.dim() == 5, "EstimateFlows: expected frames [B, n, 3, H, W], got ",
              frames.sizes());
  return EstimateFlows(frames, Reach{.forward_end = frames.size(1)});
}

void Model::Propagate(const Clip& clip, const Tap& tap) {
  TORCH_CHECK(clip.frames.dim() == 5, "clip: expected frames [B, left + L + right, 3, H, W], got ",
              clip.frames.sizes());
  Propagate(clip, Reach{.forward_end = ClipLength(clip)}, tap);
}

int64_t Model::Context() const {
  int64_t context = 0;
  for (const StateSpec& state : States()) context = std::max(context, state.order);
  return context;
}

}  // namespace lrti::nn
