#include "data/frame_folder.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "data/frame_list.h"
#include "data/image_file.h"
#include "data/test_video.h"
#include "data/video.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Each file is a picture whose first red level is its place in the list.
void WriteFrames(const TemporaryFolder& folder, std::initializer_list<const char*> names) {
  uint8_t place = 0;
  for (const char* name : names) {
    Image image{4, 4, std::vector<uint8_t>(48)};
    image.pixels[0] = place++;
    ASSERT_TRUE(WritePng(folder / name, image).ok());
  }
}

std::vector<int> RedLevels(Video& video) {
  std::vector<int> levels;
  for (int64_t i = 0; i < video.frames(); ++i) levels.push_back(video.Read(i)->pixels[0]);
  return levels;
}

TEST(FrameFolder, ReadsInNaturalOrder) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"im10.png", "im9.png", "im8.PNG", "im11.png"});
  Spill(folder / "notes.txt", "not a frame");
  Spill(folder / ".hidden.png", "not a frame");
  auto video = OpenVideo(folder.path());
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_THAT(RedLevels(**video), ElementsAre(2, 1, 0, 3));
}

TEST(FrameFolder, TakesNamesWithoutNumbers) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"end.png", "begin.png", "a7b1.png", "a2b3.png"});
  auto video = OpenVideo(folder.path());
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_THAT(RedLevels(**video), ElementsAre(3, 2, 1, 0));
}

TEST(FrameFolder, RefusesAGapNamingTheMissingFrame) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"00000005.png", "00000006.png", "00000008.png"});
  const absl::Status status = OpenVideo(folder.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(status),
            folder.path() + "/00000007.png is missing between 00000006.png and 00000008.png");
}

TEST(FrameFolder, RefusesAGapBesideAFixedNumber) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"v2_09x4.png", "v2_10x4.png", "v2_12x4.png"});
  EXPECT_THAT(Message(OpenVideo(folder.path()).status()), HasSubstr("/v2_11x4.png is missing"));
}

TEST(FrameFolder, RefusesADoubledNumber) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"1.png", "01.png", "2.png"});
  EXPECT_THAT(Message(OpenVideo(folder.path()).status()), HasSubstr("are both frame 1"));
}

TEST(FrameFolder, RefusesNoFrameAndOneFrame) {
  const TemporaryFolder folder;
  EXPECT_THAT(Message(OpenVideo(folder.path()).status()), HasSubstr("no images"));
  WriteFrames(folder, {"1.png"});
  const absl::Status status = OpenVideo(folder.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("at least 2"));
}

TEST(FrameFolder, RefusesAnotherSizeWhenItIsRead) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"0.png", "1.png", "2.png"});
  ASSERT_TRUE(WritePng(folder / "1.png", MovingImage(0, 4, 6)).ok());
  auto video = OpenVideo(folder.path());
  ASSERT_TRUE(video.ok()) << video.status();
  const absl::Status status = (*video)->Read(1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("frame 1 is 6x4 pixels, the first frame 4x4"));
  EXPECT_TRUE((*video)->Read(2).ok());
}

TEST(FrameFolder, RefusesNumbersOutOfRange) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"0.png", "1.png"});
  auto video = OpenVideo(folder.path());
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ((*video)->Read(2).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ((*video)->Read(-1).status().code(), absl::StatusCode::kOutOfRange);
}

TEST(ListFrames, KnowsTheNumbersInTheNames) {
  const TemporaryFolder folder;
  WriteFrames(folder, {"im3.png", "im4.png", "im5.png"});
  EXPECT_THAT(ListFrames(folder.path())->numbers, ElementsAre(3, 4, 5));
  WriteFrames(folder, {"other.png"});
  EXPECT_THAT(ListFrames(folder.path())->numbers, IsEmpty());
}

}  // namespace
}  // namespace lrti::data
