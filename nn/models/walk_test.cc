#include "nn/models/walk.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lrti::nn {
namespace {

const std::vector<StateSpec> kBranches = {{"backward_1", Direction::kBackward, 2, 1, Grid::kLr},
                                          {"forward_1", Direction::kForward, 2, 1, Grid::kLr},
                                          {"backward_2", Direction::kBackward, 2, 1, Grid::kLr},
                                          {"forward_2", Direction::kForward, 2, 1, Grid::kLr}};

// Flows by which a state moves a whole number of pixels, another for each pair.
Clip ClipOf(int64_t left, int64_t length, int64_t right) {
  Clip clip;
  const int64_t frames = left + length + right;
  clip.frames = at::zeros({1, frames, 3, 8, 8});
  clip.left = left;
  clip.right = right;
  const at::Tensor pixels = at::arange(1, frames).to(at::kFloat).view({1, frames - 1, 1, 1, 1});
  clip.flows.forward = pixels.expand({1, frames - 1, 2, 8, 8});
  clip.flows.backward = -clip.flows.forward;
  return clip;
}

TEST(Walk, HandsOnTheLastOutputsNearestFirst) {
  const Clip clip = ClipOf(0, 4, 0);
  Walk walk(clip, kBranches, 0);
  std::vector<std::vector<int64_t>> seen;
  walk.Run({0, 4}, [&](int64_t frame, const std::vector<Earlier>& earlier) {
    std::vector<int64_t>& states = seen.emplace_back(1, frame);
    for (const Earlier& e : earlier) states.push_back(e.state.item<int64_t>());
    return at::full({1}, frame);
  });
  EXPECT_EQ(seen, (std::vector<std::vector<int64_t>>{{3}, {2, 3}, {1, 2, 3}, {0, 1, 2}}));
}

TEST(Walk, ComposesTheFlowToAnOutputTwoFramesAway) {
  Clip clip = ClipOf(2, 2, 2);
  clip.boundary = {{}, {at::zeros({1}), at::ones({1})}, {}, {}};
  Walk walk(clip, kBranches, 1);
  walk.Run({0, 1}, [&](int64_t, const std::vector<Earlier>& earlier) {
    EXPECT_EQ(earlier.size(), 2u);
    EXPECT_EQ(earlier[0].flow[0][0][0][0].item<double>(), 2);  // frame 1 to 2 of all
    EXPECT_EQ(earlier[1].flow[0][0][0][0].item<double>(), 3);  // and 0 to 1 before it
    return at::zeros({1});
  });
}

TEST(ChainedVisits, GoAsFarAsLaterBranchesRead) {
  const auto visits = [](int64_t forward_end, int64_t backward_begin) {
    return ChainedVisits(kBranches, {forward_end, backward_begin}, 9);
  };
  EXPECT_EQ(visits(4, 7), (std::vector<Visits>{{0, 9}, {0, 9}, {0, 9}, {0, 4}}));
  EXPECT_EQ(visits(0, 7), (std::vector<Visits>{{0, 9}, {0, 9}, {7, 9}, {0, 0}}));
  EXPECT_EQ(visits(0, 9), (std::vector<Visits>{{9, 9}, {0, 0}, {9, 9}, {0, 0}}));
  const Reach flow = ChainedFlowReach(kBranches, {0, 7}, 9);
  EXPECT_EQ(flow.forward_end, 9);
  EXPECT_EQ(flow.backward_begin, 0);
}

}  // namespace
}  // namespace lrti::nn
