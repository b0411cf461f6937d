#include "data/dataset.h"

#include <array>
#include <filesystem>
#include <thread>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "data/image_file.h"
#include "data/prefetch.h"
#include "data/resize.h"
#include "data/test_video.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

std::vector<uint8_t> Planes(const Image& image) {
  std::vector<uint8_t> planes;
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < image.height; ++y) {
      for (int64_t x = 0; x < image.width; ++x) planes.push_back(image.at(y, x, c));
    }
  }
  return planes;
}

/// One clip as frames, 50x67 pixels: not multiples of 4. Another as lossless video.
class DatasetTest : public ::testing::Test {
 protected:
  DatasetTest() {
    WriteFrames(folder_ / "clips/000", 5, 6, 50, 67);
    WriteVideo(folder_ / "clips/film.mkv", {}, 8, 48, 64);
    source_.path = folder_ / "clips";
  }

  static void WriteFrames(const std::string& folder, int64_t first, int64_t count, int64_t height,
                          int64_t width) {
    std::filesystem::create_directories(folder);
    for (int64_t i = first; i < first + count; ++i) {
      const std::string path = fmt::format("{}/{:08}.png", folder, i);
      ASSERT_TRUE(WritePng(path, MovingImage(i, height, width)).ok());
    }
  }

  std::unique_ptr<Dataset> Open(int64_t cache_bytes = kMiB) const {
    auto dataset = Dataset::Open(source_, {}, cache_bytes);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset.ok() ? *std::move(dataset) : nullptr;
  }

  std::string OpenError() const { return Message(Dataset::Open(source_, {}, kMiB).status()); }

  const TemporaryFolder folder_;
  job::Source source_;
};

TEST_F(DatasetTest, KnowsItsClips) {
  const auto dataset = Open();
  ASSERT_EQ(dataset->clips().size(), 2U);
  const ClipInfo& frames = dataset->clips()[0];
  EXPECT_EQ(frames.name, "000");
  EXPECT_EQ(frames.frames, 6);
  EXPECT_EQ(frames.hr_height, 48);
  EXPECT_EQ(frames.hr_width, 64);
  EXPECT_EQ(dataset->clips()[1].name, "film");
  EXPECT_EQ(dataset->clips()[1].frames, 8);
}

TEST_F(DatasetTest, GivesWholeFrames) {
  const auto dataset = Open();
  const auto loaded =
      dataset->Load({.clip = 1, .first_frame = 2, .frames = 2, .height = 12, .width = 16});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->height, 12);
  EXPECT_EQ(loaded->width, 16);
  std::vector<std::vector<uint8_t>> hr, lr;
  for (const int64_t frame : {2, 3}) {
    const Image image = MovingImage(frame, 48, 64);
    hr.push_back(Planes(image));
    lr.push_back(Planes(BicubicDown4(image)));
  }
  EXPECT_EQ(loaded->hr, hr);
  EXPECT_EQ(loaded->lr, lr);
}

TEST_F(DatasetTest, KeepsHrOnlyOfTheFramesThatAreWanted) {
  const auto dataset = Open();
  const Cut cut{.clip = 1, .first_frame = 1, .frames = 3, .height = 12, .width = 16};
  const auto loaded = dataset->Load(cut, {false, true, false});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const auto whole = dataset->Load(cut);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(loaded->lr, whole->lr);
  EXPECT_EQ(loaded->hr, (std::vector<std::vector<uint8_t>>{{}, whole->hr[1], {}}));
}

/// The value of a plane of a sequence's frame 0 where (y, x) of the window comes to lie.
struct Turned {
  const Sequence& sequence;
  uint8_t At(const std::vector<uint8_t>& planes, int64_t scale, int64_t c, int64_t y,
             int64_t x) const {
    const Cut& cut = sequence.cut;
    if (cut.flip_vertical) y = cut.height * scale - 1 - y;
    if (cut.flip_horizontal) x = cut.width * scale - 1 - x;
    if (cut.transpose) std::swap(y, x);
    const int64_t height = sequence.height * scale, width = sequence.width * scale;
    return planes[static_cast<size_t>((c * height + y) * width + x)];
  }
};

TEST_F(DatasetTest, CutsAlignLrAndHrHoweverTurned) {
  const auto dataset = Open();
  Image whole = MovingImage(6, 50, 67);  // the folder begins with frame 5
  Image hr{48, 64, {}};
  for (int64_t y = 0; y < 48; ++y) {
    for (int64_t i = 0; i < 64 * 3; ++i) {
      hr.pixels.push_back(whole.pixels[static_cast<size_t>(y * 67 * 3 + i)]);
    }
  }
  const Image lr = BicubicDown4(hr);
  for (int turn = 0; turn < 8; ++turn) {
    const Cut cut{.clip = 0,
                  .first_frame = 1,
                  .frames = 1,
                  .top = 3,
                  .left = 5,
                  .height = 6,
                  .width = 9,
                  .flip_horizontal = (turn & 1) != 0,
                  .flip_vertical = (turn & 2) != 0,
                  .transpose = (turn & 4) != 0};
    const auto loaded = dataset->Load(cut);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->height, cut.transpose ? 9 : 6);
    EXPECT_EQ(loaded->cut, cut);
    const Turned turned{*loaded};
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t y = 0; y < 24; ++y) {
        for (int64_t x = 0; x < 36; ++x) {
          ASSERT_EQ(turned.At(loaded->hr.front(), 4, c, y, x), hr.at(12 + y, 20 + x, c)) << turn;
          ASSERT_EQ(turned.At(loaded->lr.front(), 1, c, y / 4, x / 4),
                    lr.at(3 + y / 4, 5 + x / 4, c));
        }
      }
    }
  }
}

TEST_F(DatasetTest, LrOfACutIsItsHrMadeSmallInside) {
  const auto dataset = Open();
  for (const bool transpose : {false, true}) {
    const auto loaded = dataset->Load({.clip = 1,
                                       .frames = 1,
                                       .top = 1,
                                       .left = 2,
                                       .height = 10,
                                       .width = 11,
                                       .flip_horizontal = true,
                                       .transpose = transpose});
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const int64_t height = loaded->height, width = loaded->width;
    Image hr{4 * height, 4 * width, {}};
    for (size_t i = 0; i < static_cast<size_t>(16 * height * width); ++i) {
      for (size_t c = 0; c < 3; ++c) {
        hr.pixels.push_back(loaded->hr.front()[c * static_cast<size_t>(16 * height * width) + i]);
      }
    }
    const std::vector<uint8_t> made = Planes(BicubicDown4(hr));
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t y = 2; y < height - 2; ++y) {
        for (int64_t x = 2; x < width - 2; ++x) {
          const auto place = static_cast<size_t>((c * height + y) * width + x);
          ASSERT_EQ(loaded->lr.front()[place], made[place]) << c << " " << y << " " << x;
        }
      }
    }
  }
}

TEST_F(DatasetTest, UsesTheChosenFrames) {
  source_.first_frame = 2;
  source_.last_frame = 4;
  const auto dataset = Open();
  EXPECT_EQ(dataset->clips()[1].first_frame, 2);
  EXPECT_EQ(dataset->clips()[1].frames, 3);
  const auto loaded =
      dataset->Load({.clip = 1, .first_frame = 1, .frames = 1, .height = 12, .width = 16});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->hr.front(), Planes(MovingImage(3, 48, 64)));
  source_.last_frame = 7;
  EXPECT_THAT(OpenError(), HasSubstr("frames 2 to 7 are wanted, but the clip has frames 0 to 5"));
}

TEST_F(DatasetTest, RefusesWindowsOutsideTheClip) {
  const auto dataset = Open();
  const Cut good{.clip = 1, .first_frame = 0, .frames = 8, .height = 12, .width = 16};
  ASSERT_TRUE(dataset->Load(good).ok());
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  std::vector<Cut> bad(14, good);
  bad[0].clip = 2;
  bad[1].clip = -1;
  bad[2].frames = 9;
  bad[3].frames = 0;
  bad[4].first_frame = 1;
  bad[5].first_frame = -1;
  bad[6].top = 1;
  bad[7].top = -1;
  bad[8].left = 1;
  bad[9].width = 17;
  bad[10].height = 0;
  bad[11].first_frame = kHuge;
  bad[12].top = kHuge;
  bad[13].width = kHuge;
  for (size_t i = 0; i < bad.size(); ++i) {
    EXPECT_EQ(dataset->Load(bad[i]).status().code(), absl::StatusCode::kOutOfRange) << i;
  }
}

TEST_F(DatasetTest, TakesLrFramesByTheirNumbers) {
  const std::string lr = folder_ / "lr";
  WriteFrames(lr + "/000", 3, 10, 12, 16);
  source_.lr_path = lr;
  source_.clips = {"000"};
  const auto dataset = Open();
  const auto loaded = dataset->Load({.frames = 2, .height = 12, .width = 16});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->lr, (std::vector<std::vector<uint8_t>>{Planes(MovingImage(5, 12, 16)),
                                                           Planes(MovingImage(6, 12, 16))}));
}

TEST_F(DatasetTest, RefusesAnLrSideThatDoesNotFit) {
  source_.lr_path = folder_ / "lr";
  source_.clips = {"000"};
  WriteFrames(folder_ / "lr/000", 5, 6, 13, 17);
  EXPECT_THAT(OpenError(), HasSubstr("17x13 pixels are not a quarter of"));
  std::filesystem::remove_all(folder_ / "lr/000");
  WriteFrames(folder_ / "lr/000", 5, 4, 12, 16);
  EXPECT_THAT(OpenError(), HasSubstr("no LR frame for frame 9 of"));
  std::filesystem::remove_all(folder_ / "lr/000");
  WriteFrames(folder_ / "lr/000", 6, 9, 12, 16);
  EXPECT_THAT(OpenError(), HasSubstr("no LR frame for frame 5 of"));
}

TEST_F(DatasetTest, GivesTheSameWithAndWithoutCacheOnManyThreads) {
  const auto cached = Open(kMiB);
  const auto tight = Open(20'000);
  const auto without = Open(0);
  const auto make = [](const Dataset& dataset) {
    return [&dataset](int64_t i) {
      return dataset.Load({.clip = i % 2,
                           .first_frame = (i * 5) % 4,
                           .frames = 2,
                           .top = i % 3,
                           .left = i % 5,
                           .height = 8,
                           .width = 8,
                           .transpose = i % 3 == 0});
    };
  };
  Prefetcher<Sequence> one(0, 2, 1, make(*without));
  Prefetcher<Sequence> four(0, 6, 4, make(*cached));
  Prefetcher<Sequence> three(0, 6, 3, make(*tight));
  for (int i = 0; i < 40; ++i) {
    const auto expected = one.Next();
    ASSERT_TRUE(expected.ok()) << expected.status();
    EXPECT_EQ(four.Next()->hr, expected->hr) << i;
    const auto loaded = three.Next();
    EXPECT_EQ(loaded->hr, expected->hr) << i;
    EXPECT_EQ(loaded->lr, expected->lr) << i;
  }
}

TEST_F(DatasetTest, RefusesAClipThatCannotBeRead) {
  Spill(folder_ / "clips/torn.mp4", "not a video");
  EXPECT_THAT(OpenError(), HasSubstr("torn.mp4"));
  source_.exclude = {"torn"};
  EXPECT_NE(Open(), nullptr);
}

}  // namespace
}  // namespace lrti::data
