#include "data/video_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "data/colour.h"
#include "data/test_video.h"
#include "data/video.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::HasSubstr;

const std::string kBunny = std::string(LRTI_TEST_DATA) + "/bigbuckbunny.mp4";

std::unique_ptr<Video> Opened(const std::string& path) {
  auto video = OpenVideo(path);
  EXPECT_TRUE(video.ok()) << video.status();
  return video.ok() ? *std::move(video) : nullptr;
}

/// All frames in order, then in a wild order: each must come out the same.
void ExpectSameInAnyOrder(const std::string& path, int64_t frames) {
  SCOPED_TRACE(path);
  const auto video = Opened(path);
  ASSERT_NE(video, nullptr);
  ASSERT_EQ(video->frames(), frames);
  std::vector<Image> in_order;
  for (int64_t i = 0; i < frames; ++i) {
    auto image = video->Read(i);
    ASSERT_TRUE(image.ok()) << image.status();
    in_order.push_back(*std::move(image));
    if (i > 0) {
      EXPECT_NE(in_order[static_cast<size_t>(i - 1)].pixels, in_order.back().pixels) << i;
    }
  }
  for (int64_t i = 0; i < 3 * frames; ++i) {
    const int64_t number = (i * i * 7 + 5 * i + frames - 1) % frames;
    const auto image = video->Read(number);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->pixels, in_order[static_cast<size_t>(number)].pixels) << number;
  }
}

TEST(VideoFile, ReadsFramesInAnyOrderAcrossKeyFrames) {
  const TemporaryFolder folder;
  const VideoFormat format{.codec = AV_CODEC_ID_MPEG4, .pixels = AV_PIX_FMT_YUV420P, .gop = 5};
  VideoFormat with_b_frames = format;
  with_b_frames.b_frames = 2;
  for (const char* name : {"a.mp4", "a.mkv", "a.avi", "a.ts"}) {
    WriteVideo(folder / name, format, 23, 48, 64);
    ExpectSameInAnyOrder(folder / name, 23);
  }
  for (const char* name : {"b.mp4", "b.mkv", "b.avi"}) {
    WriteVideo(folder / name, with_b_frames, 23, 48, 64);
    ExpectSameInAnyOrder(folder / name, 23);
  }
}

TEST(VideoFile, GivesLosslessFramesToTheBit) {
  const TemporaryFolder folder;
  WriteVideo(folder / "a.mkv", {}, 9, 33, 47);
  const auto video = Opened(folder / "a.mkv");
  ASSERT_EQ(video->frames(), 9);
  for (const int64_t number : {8, 0, 3, 4, 3}) {
    const auto image = video->Read(number);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->pixels, MovingImage(number, 33, 47).pixels) << number;
  }
}

TEST(VideoFile, ReadsARealVideoInAnyOrder) {
  const auto video = Opened(kBunny);
  ASSERT_EQ(video->frames(), 132);
  EXPECT_EQ(video->height(), 720);
  EXPECT_EQ(video->width(), 1280);
  std::vector<Image> in_order;
  for (int64_t i = 0; i < 24; ++i) in_order.push_back(*video->Read(i));
  for (const int64_t number : {23, 4, 5, 11, 0}) {
    const auto image = video->Read(number);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->pixels, in_order[static_cast<size_t>(number)].pixels) << number;
  }
  EXPECT_TRUE(video->Read(131).ok());
  EXPECT_EQ(video->Read(132).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(video->Read(-1).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(video->Read(0).ok()) << "an error does not spoil the reader";
}

/// RGB of a YUV colour as the standards have it.
std::array<double, 3> Formula(bool is_709, bool full_range, double y, double u, double v) {
  const double kr = is_709 ? 0.2126 : 0.299;
  const double kb = is_709 ? 0.0722 : 0.114;
  const double luma = full_range ? y / 255 : (y - 16) / 219;
  const double blue = (u - 128) / (full_range ? 255 : 224);
  const double red = (v - 128) / (full_range ? 255 : 224);
  const double r = luma + 2 * (1 - kr) * red;
  const double b = luma + 2 * (1 - kb) * blue;
  const double g = (luma - kr * r - kb * b) / (1 - kr - kb);
  const auto level = [](double value) { return std::clamp(value * 255, 0.0, 255.0); };
  return {level(r), level(g), level(b)};
}

struct ColourCase {
  int height;
  AVColorSpace matrix;
  AVColorRange range;
  bool is_709;
  bool full_range;
};

TEST(VideoFile, FollowsTheColourTagsOrTheHeight) {
  const TemporaryFolder folder;
  const std::array cases = {
      ColourCase{16, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, true, false},
      ColourCase{16, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, false, false},
      ColourCase{16, AVCOL_SPC_BT470BG, AVCOL_RANGE_JPEG, false, true},
      ColourCase{16, AVCOL_SPC_BT709, AVCOL_RANGE_JPEG, true, true},
      ColourCase{16, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, false, false},
      ColourCase{718, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, false, false},
      ColourCase{720, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, true, false},
  };
  const std::array<std::array<uint8_t, 3>, 5> colours = {
      {{235, 128, 128}, {16, 128, 128}, {120, 90, 180}, {100, 170, 100}, {180, 60, 140}}};
  for (const ColourCase& test : cases) {
    SCOPED_TRACE(fmt::format("{} rows, matrix {}, range {}", test.height,
                             static_cast<int>(test.matrix), static_cast<int>(test.range)));
    {
      VideoWriter writer(folder / "a.mkv", {.codec = AV_CODEC_ID_FFV1,
                                            .pixels = AV_PIX_FMT_YUV444P,
                                            .matrix = test.matrix,
                                            .range = test.range});
      for (const auto& [y, u, v] : colours) writer.Add(*UniformYuv(y, u, v, test.height, 16));
    }
    const auto video = Opened(folder / "a.mkv");
    ASSERT_NE(video, nullptr);
    for (size_t i = 0; i < colours.size(); ++i) {
      const auto image = video->Read(static_cast<int64_t>(i));
      ASSERT_TRUE(image.ok()) << image.status();
      const auto [y, u, v] = colours[i];
      const auto expected = Formula(test.is_709, test.full_range, y, u, v);
      for (int64_t c = 0; c < 3; ++c) {
        EXPECT_NEAR(image->at(3, 3, c), expected[static_cast<size_t>(c)], 2) << i << " " << c;
      }
    }
  }
}

TEST(VideoFile, RefusesWhatIsNoVideo) {
  const TemporaryFolder folder;
  Spill(folder / "text.mp4", std::string(5000, 'x') + " these are words");
  Spill(folder / "empty.mp4", "");
  std::string wav(
      "RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\x10\0\0",
      44);
  Spill(folder / "sound.mp4", wav + std::string(4096, '\0'));
  EXPECT_EQ(OpenVideo(folder / "text.mp4").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenVideo(folder / "empty.mp4").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenVideo(folder / "missing.mp4").status().code(), absl::StatusCode::kNotFound);
  const absl::Status sound = OpenVideo(folder / "sound.mp4").status();
  EXPECT_EQ(sound.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(sound), HasSubstr("no video stream"));
}

TEST(VideoFile, RefusesAFileCutShort) {
  const TemporaryFolder folder;
  const VideoFormat format{.codec = AV_CODEC_ID_MPEG4, .pixels = AV_PIX_FMT_YUV420P, .gop = 5};
  WriteVideo(folder / "index_at_end.mp4", format, 20, 48, 64);
  WriteVideo(folder / "a.mkv", format, 20, 48, 64);
  for (const std::string& path : {kBunny, folder / "index_at_end.mp4", folder / "a.mkv"}) {
    const std::string bytes = Slurp(path);
    const std::string cut = folder / ("cut" + path.substr(path.size() - 4));
    Spill(cut, bytes.substr(0, bytes.size() / 2));
    const absl::Status status = OpenVideo(cut).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << path << ": " << status;
    EXPECT_THAT(Message(status), HasSubstr(cut));
  }
}

TEST(VideoFile, RefusesOneFrame) {
  const TemporaryFolder folder;
  WriteVideo(folder / "a.mkv", {}, 1, 16, 16);
  const absl::Status status = OpenVideo(folder / "a.mkv").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("at least 2"));
}

TEST(VideoFile, RefusesAnotherSizeWhenItIsRead) {
  const TemporaryFolder folder;
  {
    VideoWriter writer(folder / "a.mkv", {});
    writer.Add(MovingImage(0, 32, 48));
    writer.Add(MovingImage(1, 32, 48));
    writer.Add(MovingImage(2, 16, 16));
  }
  const auto video = Opened(folder / "a.mkv");
  ASSERT_NE(video, nullptr);
  EXPECT_TRUE(video->Read(1).ok());
  const absl::Status status = video->Read(2).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("frame 2 is 16x16 pixels, the first frame 48x32"));
}

TEST(VideoFile, NamesTheFrameThatIsDamaged) {
  const TemporaryFolder folder;
  WriteVideo(folder / "a.mkv", {}, 6, 48, 64);
  std::string bytes = Slurp(folder / "a.mkv");
  size_t place = 0;
  for (int frame = 0; frame <= 3; ++frame) place = bytes.find("\x89PNG", place + 1);
  ASSERT_NE(place, std::string::npos);
  bytes.replace(place + 100, 60, 60, '\x55');  // within the compressed pixels
  Spill(folder / "a.mkv", bytes);
  const auto video = Opened(folder / "a.mkv");
  ASSERT_NE(video, nullptr);
  EXPECT_TRUE(video->Read(2).ok());
  const absl::Status status = video->Read(3).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("frame 3 of 6 cannot be decoded"));
  const auto next = video->Read(4);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->pixels, MovingImage(4, 48, 64).pixels);
}

/// Writes a display matrix into the track header of an mp4 file.
void SetMatrix(const std::string& path, const std::array<int32_t, 4>& turn) {
  std::string bytes = Slurp(path);
  const size_t header = bytes.find("tkhd");
  ASSERT_NE(header, std::string::npos);
  const size_t matrix = header + 4 + 40;
  const std::array<size_t, 4> entries = {0, 1, 3, 4};  // a, b, c, d
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto value = static_cast<uint32_t>(turn[i]) << 16;
    for (size_t byte = 0; byte < 4; ++byte) {
      bytes[matrix + 4 * entries[i] + byte] = static_cast<char>(value >> (24 - 8 * byte));
    }
  }
  Spill(path, bytes);
}

TEST(VideoFile, AppliesQuarterTurnsOfTheDisplay) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.mp4";
  const VideoFormat format{.codec = AV_CODEC_ID_MPEG4, .pixels = AV_PIX_FMT_YUV420P};
  WriteVideo(path, format, 3, 32, 48);
  const Image upright = *Opened(path)->Read(1);
  const std::array<std::array<int32_t, 4>, 4> turns = {
      {{1, 0, 0, 1}, {0, 1, -1, 0}, {-1, 0, 0, -1}, {0, -1, 1, 0}}};
  for (int quarters = 0; quarters < 4; ++quarters) {
    SetMatrix(path, turns[static_cast<size_t>(quarters)]);
    const auto video = Opened(path);
    ASSERT_NE(video, nullptr);
    EXPECT_EQ(video->height(), quarters % 2 == 0 ? 32 : 48);
    EXPECT_EQ(video->Read(1)->pixels, RotateClockwise(upright, quarters).pixels) << quarters;
  }
  SetMatrix(path, {-1, 0, 0, 1});
  EXPECT_THAT(Message(OpenVideo(path).status()), HasSubstr("mirrored"));
}

TEST(RotateClockwise, BringsTheLeftColumnToTheTop) {
  const Image image{2, 1, {1, 1, 1, 2, 2, 2}};
  const Image turned = RotateClockwise(image, 1);
  EXPECT_EQ(turned.height, 1);
  EXPECT_THAT(turned.pixels, ::testing::ElementsAre(2, 2, 2, 1, 1, 1));
}

}  // namespace
}  // namespace lrti::data
