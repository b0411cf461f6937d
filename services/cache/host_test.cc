#include "services/cache/host.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "common/base/file_writer.h"
#include "common/base/test_files.h"

namespace lrti::cache {
namespace {

TEST(Host, ThePoolIsATenthOfTheMemoryWithinBounds) {
  EXPECT_EQ(DefaultPoolBytes(10'000 * kMiB), 1'000 * kMiB);
  EXPECT_EQ(DefaultPoolBytes(10'000 * kMiB + 17), 1'000 * kMiB);
  EXPECT_EQ(DefaultPoolBytes(uint64_t{1} << 40), 8192 * kMiB);
  EXPECT_EQ(DefaultPoolBytes(0), 64 * kMiB);
  EXPECT_GT(HostMemoryBytes(), 64 * kMiB);
}

TEST(Host, TheSocketLiesWhereTheUserKeepsSuchThings) {
  std::map<std::string, std::string> variables = {{"HOME", "/home/a"}};
  const auto variable = [&](const std::string& name) { return variables[name]; };
  EXPECT_EQ(*DefaultSocketPath(variable), "/home/a/.local/state/lrti/cache.sock");
  variables["XDG_STATE_HOME"] = "/state";
  EXPECT_EQ(*DefaultSocketPath(variable), "/state/lrti/cache.sock");
  variables["XDG_RUNTIME_DIR"] = "/run/user/1";
  EXPECT_EQ(*DefaultSocketPath(variable), "/run/user/1/lrti/cache.sock");
  variables.clear();
  EXPECT_EQ(DefaultSocketPath(variable).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Host, ItsFolderIsTheUsersAlone) {
  const TemporaryFolder folder;
  EXPECT_TRUE(MakePrivateFolder(folder / "a/b/lrti").ok());
  EXPECT_TRUE(MakePrivateFolder(folder / "a/b/lrti").ok());
  struct stat found {};
  ASSERT_EQ(::stat((folder / "a/b/lrti").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
  ASSERT_EQ(::chmod((folder / "a/b/lrti").c_str(), 0777), 0);
  EXPECT_EQ(MakePrivateFolder(folder / "a/b/lrti").code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(WriteFileAtomic(folder / "file", "x").ok());
  EXPECT_EQ(MakePrivateFolder(folder / "file").code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lrti::cache
