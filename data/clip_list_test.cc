#include "data/clip_list.h"

#include <array>
#include <filesystem>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "data/test_video.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Names(const job::Source& source) {
  std::vector<std::string> names;
  const auto clips = ListClips(source);
  EXPECT_TRUE(clips.ok()) << clips.status();
  if (!clips.ok()) return names;
  for (const ClipPath& clip : *clips) names.push_back(clip.name);
  return names;
}

class ClipListTest : public ::testing::Test {
 protected:
  /// A tree of clips: 000, 2, 10, 011 are folders, film is a video. (Nothing is opened here.)
  ClipListTest() {
    for (const char* name : {"10", "2", "011", "000", ".git"}) {
      std::filesystem::create_directories(folder_ / name);
    }
    Spill(folder_ / "film.MP4", "");
    Spill(folder_ / "notes.txt", "");
    source_.path = folder_.path();
  }

  const TemporaryFolder folder_;
  job::Source source_;
};

TEST_F(ClipListTest, ListsFoldersAndVideosInNaturalOrder) {
  EXPECT_THAT(Names(source_), ElementsAre("000", "2", "10", "011", "film"));
  source_.layout = job::Layout::kClips;
  EXPECT_THAT(Names(source_), ElementsAre("000", "2", "10", "011", "film"));
}

TEST_F(ClipListTest, TakesAFolderOfImagesAsOneClip) {
  Spill(folder_ / "10/1.png", "");
  source_.path = folder_ / "10/";
  EXPECT_THAT(Names(source_), ElementsAre("10"));
  source_.layout = job::Layout::kFrames;
  EXPECT_THAT(Names(source_), ElementsAre("10"));
}

TEST_F(ClipListTest, TakesAFileAsOneClip) {
  source_.path = folder_ / "film.MP4";
  EXPECT_THAT(Names(source_), ElementsAre("film"));
  source_.layout = job::Layout::kVideo;
  EXPECT_THAT(Names(source_), ElementsAre("film"));
}

TEST_F(ClipListTest, ChoosesAndExcludes) {
  source_.clips = {"10", "2", "film"};
  source_.exclude = {"2"};
  EXPECT_THAT(Names(source_), ElementsAre("10", "film"));
}

TEST_F(ClipListTest, RefusesUnknownNamesWithTheNearest) {
  source_.clips = {"fillm"};
  const absl::Status status = ListClips(source_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("no clip is named 'fillm'; did you mean 'film'?"));
  source_.clips = {};
  source_.exclude = {"99999"};
  EXPECT_THAT(Message(ListClips(source_).status()), HasSubstr("known: 000, 2, 10, 011, film"));
}

TEST_F(ClipListTest, SaysWhatDoesNotSuit) {
  std::filesystem::create_directories(folder_ / "10/empty");
  Spill(folder_ / "000.mkv", "");
  struct Case {
    job::Source source;
    absl::StatusCode code;
    const char* message;
  };
  const auto source = [&](const std::string& path, job::Layout layout) {
    job::Source made;
    made.path = path;
    made.layout = layout;
    return made;
  };
  const std::array cases = {
      Case{source(folder_ / "nowhere", job::Layout::kAuto), absl::StatusCode::kNotFound, "no such"},
      Case{source(folder_.path(), job::Layout::kVideo), absl::StatusCode::kInvalidArgument,
           "asks for a file"},
      Case{source(folder_ / "film.MP4", job::Layout::kClips), absl::StatusCode::kInvalidArgument,
           "asks for a folder"},
      Case{source(folder_ / "10/empty", job::Layout::kAuto), absl::StatusCode::kInvalidArgument,
           "no images"},
      Case{source(folder_.path(), job::Layout::kAuto), absl::StatusCode::kInvalidArgument,
           "would both be clip '000'"},
  };
  for (const Case& test : cases) {
    const absl::Status status = ListClips(test.source).status();
    EXPECT_EQ(status.code(), test.code) << status;
    EXPECT_THAT(Message(status), HasSubstr(test.message));
  }
}

TEST_F(ClipListTest, RefusesWhenNoClipIsLeft) {
  source_.clips = {"2"};
  source_.exclude = {"2"};
  EXPECT_THAT(Message(ListClips(source_).status()), HasSubstr("no clip is left"));
}

TEST_F(ClipListTest, FindsTheLrSideByName) {
  const TemporaryFolder lr;
  for (const char* name : {"10", "2", "011", "000"}) {
    std::filesystem::create_directories(lr / name);
  }
  source_.lr_path = lr.path();
  EXPECT_THAT(Message(ListClips(source_).status()), HasSubstr("clip 'film'"));
  Spill(lr / "film.mkv", "");
  const auto clips = ListClips(source_);
  ASSERT_TRUE(clips.ok()) << clips.status();
  EXPECT_EQ(clips->front().lr, lr / "000");
  EXPECT_EQ(clips->back().lr, lr / "film.mkv");
}

TEST_F(ClipListTest, AnLrSideThatCannotBeLookedAtIsNone) {
  source_.lr_path = folder_ / std::string(300, 'x');  // longer than a name can be
  EXPECT_EQ(ListClips(source_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ClipListTest, PartitionExcludesTheTestClipsThatAreThere) {
  job::TrainData data;
  data.source = source_;
  data.source.exclude = {"2"};
  EXPECT_THAT(WithPartition(data).exclude, ElementsAre("2"));
  data.partition = job::Partition::kReds4;
  EXPECT_THAT(WithPartition(data).exclude, ElementsAre("2", "000", "011"));
  EXPECT_THAT(Names(WithPartition(data)), ElementsAre("10", "film"));
  data.source.path = folder_ / "nowhere";
  data.source.exclude = {};
  EXPECT_THAT(WithPartition(data).exclude, IsEmpty());
}

}  // namespace
}  // namespace lrti::data
