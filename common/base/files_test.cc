#include "common/base/files.h"

#include <sys/stat.h>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ReadFile, GivesBackWhatWasWrittenToTheByte) {
  const TemporaryFolder folder;
  std::string bytes(3'000'001, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 % 256);
  ASSERT_TRUE(WriteFileAtomic(folder / "a", bytes).ok());
  const auto read = ReadFile(folder / "a", bytes.size());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == bytes);
}

TEST(ReadFile, RefusesOneByteMoreThanAllowed) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "12345").ok());
  EXPECT_EQ(ReadFile(folder / "a", 4).status(),
            InvalidArgument("{}/a: larger than the 4 bytes allowed", folder.path()));
}

TEST(ReadFile, BoundsWhatADeviceGives) {
  EXPECT_EQ(ReadFile("/dev/zero", 100'000'000).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ReadFile, NamesTheMissingFileAndRefusesFolders) {
  const TemporaryFolder folder;
  const absl::Status missing = ReadFile(folder / "no", 9).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr(folder / "no: cannot open: No such file"));
  EXPECT_EQ(ReadFile(folder.path(), 9).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Folders, AreMadeDeepAndListedInOrder) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "x/y/z").ok());
  ASSERT_TRUE(MakeFolders(folder / "x/y/z").ok());
  for (const char* name : {"b", "a", "c"}) {
    ASSERT_TRUE(WriteFileAtomic(JoinPath(folder / "x", name), "").ok());
  }
  const auto names = ListFolder(folder / "x");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_THAT(*names, ElementsAre("a", "b", "c", "y"));
}

TEST(Folders, AFileInTheWayIsAnErrorWithItsPath) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "f", "").ok());
  EXPECT_THAT(Message(MakeFolders(folder / "f/g")), HasSubstr(folder / "f/g"));
  EXPECT_FALSE(ListFolder(folder / "f").ok());
  EXPECT_EQ(ListFolder(folder / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST(RemoveAll, TakesATreeAndForgivesWhatIsNotThere) {
  const TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder / "x/y").ok());
  ASSERT_TRUE(WriteFileAtomic(folder / "x/y/f", "1").ok());
  EXPECT_TRUE(RemoveAll(folder / "x").ok());
  EXPECT_TRUE(RemoveAll(folder / "x").ok());
  EXPECT_THAT(*ListFolder(folder.path()), IsEmpty());
}

TEST(Paths, AreTakenApartAndPutTogether) {
  EXPECT_EQ(FolderOf("a/b/c"), "a/b");
  EXPECT_EQ(FolderOf("c"), ".");
  EXPECT_EQ(FolderOf("/c"), "/");
  EXPECT_EQ(JoinPath("a/b", "c"), "a/b/c");
}

}  // namespace
}  // namespace lrti
