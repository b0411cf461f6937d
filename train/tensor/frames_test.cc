#include "train/tensor/frames.h"

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace lrti::train {
namespace {

using Planes = std::vector<uint8_t>;

TEST(Frames, PlanesBecomeIntensities) {
  const at::Tensor frames = FromPlanes(std::vector<Planes>{{0, 51, 255, 102, 0, 0}}, 3, 1, 2);
  EXPECT_EQ(frames.sizes(), (std::vector<int64_t>{1, 1, 3, 1, 2}));
  EXPECT_FLOAT_EQ(frames[0][0][0][0][1].item<float>(), 0.2f);
  EXPECT_FLOAT_EQ(frames[0][0][1][0][0].item<float>(), 1.0f);
}

TEST(Frames, PixelsAreClampedAndRoundedHalfToEven) {
  const at::Tensor frame =
      torch::tensor({-0.5, 1.5, 0.5 / 255, 1.5 / 255, 2.5 / 255, 0.2}, torch::kDouble)
          .view({3, 1, 2});
  // Interleaved: pixel 0 holds the values 0, 2, 4 of the three planes, pixel 1 the others.
  EXPECT_EQ(ToPixels(frame), (std::vector<uint8_t>{0, 0, 2, 255, 2, 51}));
}

TEST(Frames, RefusesAWrongNumberOfBytes) {
  EXPECT_THROW(FromPlanes(std::vector<Planes>{{1, 2}}, 3, 1, 2), c10::Error);
}

}  // namespace
}  // namespace lrti::train
