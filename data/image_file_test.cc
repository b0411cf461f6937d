#include "data/image_file.h"

#include <array>
#include <cstdlib>
#include <filesystem>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "data/test_video.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::HasSubstr;

int64_t Files(const std::string& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

int GreatestDifference(const Image& a, const Image& b) {
  int greatest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    greatest = std::max(greatest, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  }
  return greatest;
}

TEST(WritePng, IsReadBackToTheBit) {
  const TemporaryFolder folder;
  for (const auto& [height, width] : {std::pair{1, 1}, std::pair{31, 17}, std::pair{48, 64}}) {
    const Image image = MovingImage(3, height, width);
    ASSERT_TRUE(WritePng(folder / "a.png", image).ok());
    const auto read = ReadImage(folder / "a.png");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->height, height);
    EXPECT_EQ(read->width, width);
    EXPECT_EQ(read->pixels, image.pixels);
  }
  EXPECT_EQ(Files(folder.path()), 1);
}

// Two pixels: red falls from 65535 to 257, whose bytes are 1 and 1.
TEST(WritePng, KeepsSixteenBits) {
  const TemporaryFolder folder;
  const Image16 image{.height = 1, .width = 2, .pixels = {65535, 0, 0x1234, 257, 128, 129}};
  ASSERT_TRUE(WritePng(folder / "a.png", image).ok());
  const auto bytes = ReadFile(folder / "a.png", 1000);
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ((*bytes)[24], 16) << "bits a channel";
  EXPECT_EQ((*bytes)[25], 2) << "RGB";
  const auto rounded = ReadImage(folder / "a.png");
  ASSERT_TRUE(rounded.ok()) << rounded.status();
  EXPECT_EQ(rounded->pixels, (std::vector<uint8_t>{255, 0, 0x12, 1, 0, 1}));
}

TEST(WritePng, LeavesNothingBehindWhenTheFolderIsMissing) {
  const TemporaryFolder folder;
  EXPECT_EQ(WritePng(folder / "missing/a.png", MovingImage(0, 4, 4)).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Files(folder.path()), 0);
}

TEST(WritePng, KeepsTheOldFileWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const Image old = MovingImage(0, 4, 4);
  ASSERT_TRUE(WritePng(folder / "a.png", old).ok());
  {
    const FileSizeLimit limit(64);
    EXPECT_EQ(WritePng(folder / "a.png", MovingImage(1, 64, 64)).code(),
              absl::StatusCode::kResourceExhausted);
  }
  const auto read = ReadImage(folder / "a.png");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->pixels, old.pixels);
  EXPECT_EQ(Files(folder.path()), 1);
}

TEST(WritePng, RefusesSizesOutOfBounds) {
  EXPECT_EQ(WritePng("/nowhere/a.png", Image{}).code(), absl::StatusCode::kInvalidArgument);
  const Image wide{1, 16385, std::vector<uint8_t>(16385 * 3)};
  EXPECT_THAT(Message(WritePng("/nowhere/a.png", wide)), HasSubstr("16385x1"));
}

TEST(ReadImage, ReadsLosslessFormatsExactly) {
  const TemporaryFolder folder;
  const Image image = MovingImage(5, 30, 22);
  WriteImageFile(folder / "a.bmp", AV_CODEC_ID_BMP, *ToFrame(image, AV_PIX_FMT_BGR24));
  WriteImageFile(folder / "a.tif", AV_CODEC_ID_TIFF, *ToFrame(image, AV_PIX_FMT_RGB24));
  WriteImageFile(folder / "a.png", AV_CODEC_ID_PNG, *ToFrame(image, AV_PIX_FMT_RGBA));
  for (const char* name : {"a.bmp", "a.tif", "a.png"}) {
    const auto read = ReadImage(folder / name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->pixels, image.pixels) << name;
  }
}

TEST(ReadImage, ReadsJpegInFullRange) {
  const TemporaryFolder folder;
  // JPEG's own formula: luma 255 is white, 0 is black; in limited range both would be clipped.
  const std::array<std::pair<uint8_t, uint8_t>, 4> levels = {
      {{255, 255}, {0, 0}, {8, 8}, {250, 250}}};
  for (const auto& [luma, expected] : levels) {
    const LibavPtr<AVFrame> frame = UniformYuv(luma, 128, 128, 16, 16);
    frame->format = AV_PIX_FMT_YUVJ444P;
    WriteImageFile(folder / "a.jpg", AV_CODEC_ID_MJPEG, *frame);
    const auto read = ReadImage(folder / "a.jpg");
    ASSERT_TRUE(read.ok()) << read.status();
    const Image grey{16, 16, std::vector<uint8_t>(16 * 16 * 3, expected)};
    EXPECT_LE(GreatestDifference(*read, grey), 1) << int{luma};
  }
}

TEST(ReadImage, RoundsSixteenBitsToEight) {
  const TemporaryFolder folder;
  const LibavPtr<AVFrame> frame = BlankFrame(AV_PIX_FMT_RGB48BE, 1, 2);
  const std::array<uint16_t, 6> values = {0, 128, 129, 65535, 65406, 65407};  // 257 a level
  for (size_t i = 0; i < values.size(); ++i) {
    frame->data[0][2 * i] = static_cast<uint8_t>(values[i] >> 8);
    frame->data[0][2 * i + 1] = static_cast<uint8_t>(values[i] & 255);
  }
  WriteImageFile(folder / "a.png", AV_CODEC_ID_PNG, *frame);
  const auto read = ReadImage(folder / "a.png");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->pixels, ::testing::ElementsAre(0, 0, 1, 255, 254, 255));
}

TEST(ReadImage, MakesGreyToRgb) {
  const TemporaryFolder folder;
  const LibavPtr<AVFrame> frame = BlankFrame(AV_PIX_FMT_GRAY8, 1, 2);
  frame->data[0][0] = 3;
  frame->data[0][1] = 250;
  WriteImageFile(folder / "a.png", AV_CODEC_ID_PNG, *frame);
  const auto read = ReadImage(folder / "a.png");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->pixels, ::testing::ElementsAre(3, 3, 3, 250, 250, 250));
}

TEST(ReadImage, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WritePng(folder / "good.png", MovingImage(0, 64, 64)).ok());
  const std::string good = Slurp(folder / "good.png");
  Spill(folder / "cut.png", good.substr(0, good.size() / 2));
  std::string flipped = good;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x55);
  Spill(folder / "flipped.png", flipped);
  Spill(folder / "empty.png", "");
  Spill(folder / "text.png", "these are words, not pixels");
  WriteImageFile(folder / "good.jpg", AV_CODEC_ID_MJPEG,
                 *ToFrame(MovingImage(0, 64, 64), AV_PIX_FMT_YUVJ444P));
  const std::string jpeg = Slurp(folder / "good.jpg");
  ASSERT_TRUE(ReadImage(folder / "good.jpg").ok());
  Spill(folder / "cut.jpg", jpeg.substr(0, jpeg.size() / 2));

  WriteImageFile(folder / "good.tif", AV_CODEC_ID_TIFF,
                 *ToFrame(MovingImage(0, 64, 64), AV_PIX_FMT_RGB24));
  const std::string tiff = Slurp(folder / "good.tif");
  Spill(folder / "cut.tif", tiff.substr(0, tiff.size() / 2));

  struct Case {
    const char* name;
    absl::StatusCode code;
  };
  const std::array cases = {Case{"cut.png", absl::StatusCode::kDataLoss},
                            Case{"cut.jpg", absl::StatusCode::kDataLoss},
                            Case{"cut.tif", absl::StatusCode::kDataLoss},
                            Case{"flipped.png", absl::StatusCode::kDataLoss},
                            Case{"empty.png", absl::StatusCode::kDataLoss},
                            Case{"text.png", absl::StatusCode::kInvalidArgument},
                            Case{"missing.png", absl::StatusCode::kNotFound}};
  for (const auto& [name, code] : cases) {
    const absl::Status status = ReadImage(folder / name).status();
    EXPECT_EQ(status.code(), code) << name << ": " << status;
    EXPECT_THAT(Message(status), HasSubstr(folder / name));
  }
}

TEST(ReadImageSize, EqualsTheDecodedSize) {
  const TemporaryFolder folder;
  const Image image = MovingImage(0, 10, 300);
  ASSERT_TRUE(WritePng(folder / "a.png", image).ok());
  WriteImageFile(folder / "a.bmp", AV_CODEC_ID_BMP, *ToFrame(image, AV_PIX_FMT_BGR24));
  for (const char* name : {"a.png", "a.bmp"}) {
    const auto size = ReadImageSize(folder / name);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_EQ(size->height, 10);
    EXPECT_EQ(size->width, 300);
  }
}

TEST(ReadImageSize, RefusesAHugePicture) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WritePng(folder / "a.png", MovingImage(0, 4, 4)).ok());
  std::string bytes = Slurp(folder / "a.png");
  bytes[16] = 1;  // 2^24 pixels wide
  Spill(folder / "a.png", bytes);
  EXPECT_EQ(ReadImageSize(folder / "a.png").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(ReadImage(folder / "a.png").ok());
}

TEST(HasImageName, IgnoresCase) {
  EXPECT_TRUE(HasImageName("a/B.PNG"));
  EXPECT_TRUE(HasImageName("x.jpeg"));
  EXPECT_FALSE(HasImageName("x.png.txt"));
  EXPECT_FALSE(HasImageName("png"));
}

}  // namespace
}  // namespace lrti::data
