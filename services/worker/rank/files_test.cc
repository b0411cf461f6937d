#include "common/base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "services/worker/rank/event_tail.h"
#include "services/worker/rank/exit_file.h"
#include "services/worker/rank/log_tail.h"
#include "services/worker/rank/preflight.h"
#include "services/worker/rank/spool.h"

namespace lrti::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EventTailTest : public ::testing::Test {
 protected:
  void Append(const std::string& text) { ASSERT_TRUE(AppendFile::Open(path_)->Append(text).ok()); }
  std::vector<std::string> Poll() {
    std::vector<std::string> lines;
    tail_.Poll([&](std::string_view line) { lines.emplace_back(line); });
    return lines;
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_ / "events";
  EventTail tail_{path_};
};

TEST_F(EventTailTest, AFileThatIsNotThereYetHasNoLines) { EXPECT_THAT(Poll(), IsEmpty()); }

TEST_F(EventTailTest, HandsOutEachLineOnceAndWaitsForItsEnd) {
  Append("one\ntw");
  EXPECT_THAT(Poll(), ElementsAre("one"));
  Append("o\n\nthree\n");
  EXPECT_THAT(Poll(), ElementsAre("two", "three"));
  EXPECT_THAT(Poll(), IsEmpty());
}

TEST_F(EventTailTest, ALineThatIsTooLongIsLeftOut) {
  Append(std::string(10 << 20, 'x'));
  while (!Poll().empty()) {
  }
  Append("y\nshort\n");
  std::vector<std::string> lines;
  while (tail_.long_lines() == 0 || lines.empty()) {
    for (auto& line : Poll()) lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre("short"));
  EXPECT_EQ(tail_.long_lines(), 1U);
}

TEST(Spool, KeepsOthersOut) {
  const TemporaryFolder folder;
  ASSERT_TRUE(Spool::Open(folder / "spool").ok());
  struct stat info {};
  ASSERT_EQ(::stat((folder / "spool").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(Spool, ListsTheAttemptsThatHaveAnAssignment) {
  const TemporaryFolder folder;
  const Spool spool = *Spool::Open(folder.path());
  const AttemptKey first{"lrti-a", 2}, second{"lrti-a", 10}, bare{"lrti-b", 1};
  for (const AttemptKey& key : {first, second, bare}) ASSERT_TRUE(spool.Make(key, {0, 1}).ok());
  for (const AttemptKey& key : {first, second}) {
    ASSERT_TRUE(WriteFileAtomic(AssignmentPath(spool.FolderOf(key)), "{}").ok());
  }
  ASSERT_TRUE(WriteFileAtomic(spool.AlivePath(), "").ok());
  EXPECT_THAT(*spool.List(), ElementsAre(first, second));
  ASSERT_TRUE(spool.Forget(first).ok());
  ASSERT_TRUE(spool.Forget(second).ok());
  EXPECT_THAT(*ListFolder(folder.path()), ElementsAre("alive", "lrti-b"));
}

TEST(Spool, RefusesAJobWhoseNameLeadsElsewhere) {
  const TemporaryFolder folder;
  const Spool spool = *Spool::Open(folder.path());
  for (const char* const name : {"", "..", "a/b", ".", "a b", "\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(spool.Make({name, 1}, {0}))) << name;
  }
}

TEST(LastLines, AreTheLastOnesAndPlainText) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "line " + std::to_string(i) + "\n";
  text += "gr\xc3\xbc\xc3\x9f \xff\xc3";
  ASSERT_TRUE(WriteFileAtomic(folder / "log", text).ok());
  EXPECT_THAT(LastLines(folder / "log", 2), ElementsAre("line 99", "gr\xc3\xbc\xc3\x9f ??"));
  EXPECT_EQ(LastLines(folder / "log").size(), 50U);
  EXPECT_THAT(LastLines(folder / "none"), IsEmpty());
}

TEST(PlainText, ReplacesWhatIsNoUtf8AndCutsNoLetterInTwo) {
  EXPECT_EQ(PlainText("\xe2\x82\xac", 3), "\xe2\x82\xac");
  EXPECT_EQ(PlainText("\xe2\x82\xac", 2), "");
  EXPECT_EQ(PlainText("\xc0\x80\xed\xa0\x80\xf5", 99), "??????");
}

TEST(ExitFile, WritesIntoTheRoomItReserved) {
  const TemporaryFolder folder;
  auto file = ExitFile::Reserve(folder / "exit.json");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(absl::IsNotFound(ReadExitRecord(folder / "exit.json").status()));
  ASSERT_TRUE(file->Write({.code = 75, .trouble = std::string(9000, '"')}).ok());
  const auto record = ReadExitRecord(folder / "exit.json");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->code, 75);
  EXPECT_EQ(record->trouble.size(), 500U);
}

TEST(Records, ADamagedOneIsDataLossThatNamesTheFile) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "pid.json", "{\"shim\":").ok());
  const absl::Status status = ReadPidRecord(folder / "pid.json").status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(Message(status), HasSubstr("pid.json: damaged"));
}

TEST(Preflight, PassesWhenThereIsRoomAndTheTrainerRuns) {
  const TemporaryFolder folder;
  Preflight preflight(*Spool::Open(folder.path()), LRTI_TEST_TRAINER, 1);
  EXPECT_TRUE(preflight.Check().ok()) << preflight.Check();
}

TEST(Preflight, SaysThatTheDiskIsFull) {
  const TemporaryFolder folder;
  Preflight preflight(*Spool::Open(folder.path()), LRTI_TEST_TRAINER, uint64_t{1} << 60);
  EXPECT_TRUE(absl::IsResourceExhausted(preflight.Check()));
  EXPECT_THAT(Message(preflight.Check()), HasSubstr("free space"));
}

TEST(Preflight, SaysThatThereIsNoTrainerOrThatItDoesNotRun) {
  const TemporaryFolder folder;
  const Spool spool = *Spool::Open(folder.path());
  EXPECT_TRUE(absl::IsNotFound(Preflight(spool, folder / "lrti-vsr", 1).Check()));
  EXPECT_THAT(Message(Preflight(spool, "/bin/false", 1).Check()), HasSubstr("exit code 1"));
}

}  // namespace
}  // namespace lrti::worker
