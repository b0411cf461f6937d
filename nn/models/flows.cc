#include "nn/models/flows.h"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

namespace lrti::nn {
namespace {

// Pixels a batch may have without a graph. On a CPU 2^15, eight images of 64x64, are as fast as
// more and keep the widest layer at 8 MiB, so that a long pass needs less memory than a clip. A GPU
// wants more work at a time. With a graph all features are kept anyway, so all pairs run at once.
constexpr int64_t kCpuPixelsMax = int64_t{1} << 15;
constexpr int64_t kGpuPixelsMax = int64_t{1} << 19;

// The images of frames `begin` .. `begin + count` at every level, as one batch.
Spynet::Pyramid Window(const Spynet::Pyramid& pyramid, int64_t batch, int64_t begin,
                       int64_t count) {
  Spynet::Pyramid window;
  for (const at::Tensor& level : pyramid) {
    window.push_back(level.unflatten(0, {batch, -1}).narrow(1, begin, count).flatten(0, 1));
  }
  return window;
}

Spynet::Pyramid JoinedPyramids(const Spynet::Pyramid& a, const Spynet::Pyramid& b) {
  Spynet::Pyramid joined;
  for (size_t level = 0; level < a.size(); ++level) joined.push_back(at::cat({a[level], b[level]}));
  return joined;
}

at::Tensor ZerosLike(const at::Tensor& frames, int64_t pairs) {
  return at::zeros({frames.size(0), pairs, 2, frames.size(3), frames.size(4)}, frames.options());
}

// Forward flows of the first pairs and backward flows of the pairs from `backward_first` on.
Flows OfFewFrames(Spynet& spynet, const at::Tensor& frames, int64_t forward_count,
                  int64_t backward_first) {
  const int64_t batch = frames.size(0);
  const int64_t pairs = frames.size(1) - 1;
  const int64_t backward_count = pairs - backward_first;
  if (forward_count + backward_count == 0) {
    return {ZerosLike(frames, pairs), ZerosLike(frames, pairs)};
  }
  const Spynet::Pyramid all = spynet.Levels(frames.flatten(0, 1));
  const auto window = [&](int64_t begin, int64_t count) {
    return Window(all, batch, begin, count);
  };
  const at::Tensor both = spynet.Flow(
      JoinedPyramids(window(1, forward_count), window(backward_first, backward_count)),
      JoinedPyramids(window(0, forward_count), window(backward_first + 1, backward_count)),
      frames.size(3), frames.size(4));
  const at::Tensor forward =
      both.narrow(0, 0, batch * forward_count).unflatten(0, {batch, forward_count});
  const at::Tensor backward = both.narrow(0, batch * forward_count, batch * backward_count)
                                  .unflatten(0, {batch, backward_count});
  // Zeros in the places of pairs that nobody asked for; the last axis comes first in `pad`.
  return {at::constant_pad_nd(forward, {0, 0, 0, 0, 0, 0, 0, pairs - forward_count}),
          at::constant_pad_nd(backward, {0, 0, 0, 0, 0, 0, backward_first, 0})};
}

}  // namespace

void CheckFrames(const at::Tensor& frames) {
  TORCH_CHECK(frames.dim() == 5 && frames.size(2) == 3,
              "EstimateFlows: expected frames [B, n, 3, H, W], got ", frames.sizes());
}

int64_t PairsAtATime(const at::Tensor& frames) {
  if (at::GradMode::is_enabled()) return frames.size(1) - 1;
  const int64_t pixels = 2 * frames.size(0) * frames.size(3) * frames.size(4);
  return std::max<int64_t>((frames.is_cuda() ? kGpuPixelsMax : kCpuPixelsMax) / pixels, 1);
}

Flows NeighbourFlows(Spynet& spynet, const at::Tensor& frames, const Reach& reach) {
  CheckFrames(frames);
  const int64_t pairs = frames.size(1) - 1;
  const int64_t forward_end = std::clamp<int64_t>(reach.forward_end - 1, 0, pairs);
  const int64_t backward_begin = std::clamp<int64_t>(reach.backward_begin, 0, pairs);
  const int64_t step = PairsAtATime(frames);
  std::vector<at::Tensor> forward, backward;
  for (int64_t begin = 0; begin < pairs; begin += step) {
    const int64_t count = std::min(step, pairs - begin);
    const Flows part = OfFewFrames(spynet, frames.narrow(1, begin, count + 1),
                                   std::clamp<int64_t>(forward_end - begin, 0, count),
                                   std::clamp<int64_t>(backward_begin - begin, 0, count));
    forward.push_back(part.forward);
    backward.push_back(part.backward);
  }
  if (forward.empty()) return {};
  if (forward.size() == 1) return {forward[0], backward[0]};
  return {at::cat(forward, 1), at::cat(backward, 1)};
}

}  // namespace lrti::nn
