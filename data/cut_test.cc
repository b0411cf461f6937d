#include "data/cut.h"

#include <vector>

#include "data/test_video.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::ElementsAre;

/// The red plane of a cut from a 3x4 picture whose red levels are 10 y + x.
std::vector<uint8_t> Red(const Window& window, const Turn& turn) {
  Image image{3, 4, {}};
  for (uint8_t y = 0; y < 3; ++y) {
    for (uint8_t x = 0; x < 4; ++x) {
      image.pixels.insert(image.pixels.end(), {static_cast<uint8_t>(10 * y + x), 100, 200});
    }
  }
  std::vector<uint8_t> planes(static_cast<size_t>(3 * window.height * window.width));
  CopyWindow(image, window, turn, planes.data());
  EXPECT_EQ(planes[planes.size() / 3], 100);
  EXPECT_EQ(planes.back(), 200);
  planes.resize(planes.size() / 3);
  return planes;
}

TEST(CopyWindow, CutsAndTurns) {
  const Window window{1, 1, 2, 3};
  EXPECT_THAT(Red(window, {}), ElementsAre(11, 12, 13, 21, 22, 23));
  EXPECT_THAT(Red(window, {.flip_horizontal = true}), ElementsAre(13, 12, 11, 23, 22, 21));
  EXPECT_THAT(Red(window, {.flip_vertical = true}), ElementsAre(21, 22, 23, 11, 12, 13));
  EXPECT_THAT(Red(window, {.transpose = true}), ElementsAre(11, 21, 12, 22, 13, 23));
}

TEST(CopyWindow, FlipsBeforeItTransposes) {
  EXPECT_THAT(Red({0, 0, 2, 3}, {.flip_horizontal = true, .transpose = true}),
              ElementsAre(2, 12, 1, 11, 0, 10));
}

}  // namespace
}  // namespace lrti::data
