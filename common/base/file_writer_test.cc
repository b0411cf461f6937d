#include "common/base/file_writer.h"

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Names(const TemporaryFolder& folder) {
  return ListFolder(folder.path()).value();
}

TEST(WriteFileAtomic, ReplacesTheWholeFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "a long first text").ok());
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "second").ok());
  EXPECT_EQ(Content(folder / "a"), "second");
  EXPECT_THAT(Names(folder), ElementsAre("a"));
}

TEST(WriteFileAtomic, KeepsTheOldFileWhenSpaceRunsOut) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "old").ok());
  absl::Status status;
  {
    const FileSizeLimit limit(1000);
    status = WriteFileAtomic(folder / "a", std::string(5000, 'x'));
  }
  EXPECT_EQ(status, Error(absl::StatusCode::kResourceExhausted,
                          "{}/a: file size limit reached (4000 bytes wanted); raise it (ulimit -f) "
                          "and resume",
                          folder.path()));
  EXPECT_EQ(Content(folder / "a"), "old");
  EXPECT_THAT(Names(folder), ElementsAre("a"));
}

TEST(WriteFileAtomic, AFolderInTheWayStaysAndTheTemporaryGoes) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "a/b").ok());
  EXPECT_FALSE(WriteFileAtomic(folder / "a", "x").ok());
  EXPECT_THAT(Names(folder), ElementsAre("a"));
  EXPECT_EQ(WriteFileAtomic(folder / "none/a", "x").code(), absl::StatusCode::kNotFound);
}

TEST(FileWriter, SaysHowMuchSpaceAFullDiskLacks) {
  absl::StatusOr<FileWriter> writer = FileWriter::Create("/dev/full");
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(writer->Write(std::string(12345, 'x')),
            Error(absl::StatusCode::kResourceExhausted,
                  "/dev/full: disk full (12345 bytes wanted); free space and resume"));
}

TEST(FileWriter, NeverRemovesADevice) {
  { const auto writer = FileWriter::Create("/dev/full"); }
  EXPECT_TRUE(FileWriter::Create("/dev/full").ok());
}

TEST(FileWriter, HashesWhatItStreams) {
  const TemporaryFolder folder;
  absl::StatusOr<FileWriter> writer = FileWriter::Create(folder / "a");
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write("ab").ok());
  ASSERT_TRUE(writer->Write("").ok());
  ASSERT_TRUE(writer->Write("c").ok());
  const auto digest = writer->Finish();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, (FileDigest{3, Sha256Hex("abc")}));
  EXPECT_EQ(Content(folder / "a"), "abc");
  EXPECT_EQ(*DigestFile(folder / "a"), *digest);
}

TEST(FileWriter, AnUnfinishedFileGoesAway) {
  const TemporaryFolder folder;
  {
    absl::StatusOr<FileWriter> plain = FileWriter::Create(folder / "a");
    absl::StatusOr<FileWriter> atomic = FileWriter::CreateAtomic(folder / "b");
    ASSERT_TRUE(plain.ok() && atomic.ok());
    ASSERT_TRUE(plain->Write("1").ok() && atomic->Write("2").ok());
    EXPECT_EQ(Names(folder).size(), 2u);
  }
  EXPECT_THAT(Names(folder), IsEmpty());
}

TEST(AppendFile, GrowsAcrossOpenings) {
  const TemporaryFolder folder;
  for (const char* line : {"one\n", "two\n"}) {
    absl::StatusOr<AppendFile> file = AppendFile::Open(folder / "log");
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE(file->Append(line).ok());
  }
  EXPECT_EQ(Content(folder / "log"), "one\ntwo\n");
  EXPECT_EQ(AppendFile::CreateNew(folder / "log").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AppendFile, TakesATornEndBack) {
  const TemporaryFolder folder;
  absl::StatusOr<AppendFile> file = AppendFile::Open(folder / "log");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Append("whole\n").ok());
  absl::Status status;
  {
    const FileSizeLimit limit(8);
    status = file->Append("does not fit\n");
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(file->Append("next\n").ok());
  EXPECT_EQ(Content(folder / "log"), "whole\nnext\n");
}

}  // namespace
}  // namespace lrti
