#include "services/coordinator/access/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "services/coordinator/access/audit.h"

namespace lrti::coordinator {
namespace {

using ::testing::HasSubstr;

std::string Line(const std::string& token, const std::string& rest) {
  return "sha256:" + Sha256Hex(token) + " " + rest + "\n";
}

TEST(Access, WithoutATokensFileEverybodyIsAnAdmin) {
  const auto caller = Access().Identify("", "ada");
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(caller->user, "ada");
  EXPECT_TRUE(Allow(*caller, Role::kAdmin, "").ok());
  EXPECT_TRUE(Allow(*caller, Role::kAgent, "").ok());
}

TEST(Access, KnowsATokenByItsHashAlone) {
  const auto access = Access::Parse("# team\n" + Line("word", "user demo ada"));
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->Identify("word", "mallory")->user, "ada");
  for (const char* const wrong : {"", "Word", "word "}) {
    EXPECT_TRUE(absl::IsUnauthenticated(access->Identify(wrong, "ada").status())) << wrong;
  }
}

TEST(Access, AnEmptyTokensFileLetsNobodyIn) {
  const auto access = Access::Parse("");
  ASSERT_TRUE(access.ok());
  EXPECT_TRUE(absl::IsUnauthenticated(access->Identify("", "ada").status()));
}

TEST(Access, RefusesLinesThatItDoesNotUnderstand) {
  for (const std::string& bad :
       {std::string("word user demo ada\n"), Line("a", "king demo ada"), Line("a", "user demo"),
        Line("a", "user demo ada extra"), Line("a", "user p x") + Line("a", "admin p y")}) {
    const auto access = Access::Parse(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(access.status())) << bad;
    EXPECT_THAT(Message(access.status()), HasSubstr("line "));
  }
}

TEST(Allow, GoesByRoleAndProject) {
  const Caller viewer{"v", Role::kViewer, "demo"}, user{"u", Role::kUser, "demo"},
      admin{"a", Role::kAdmin, "demo"}, root{"r", Role::kAdmin, "*"}, agent{"n", Role::kAgent, "*"};
  EXPECT_TRUE(Allow(viewer, Role::kViewer, "demo").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Allow(viewer, Role::kUser, "demo")));
  EXPECT_TRUE(Allow(user, Role::kUser, "demo").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Allow(user, Role::kUser, "other")));
  EXPECT_TRUE(absl::IsPermissionDenied(Allow(user, Role::kAdmin, "demo")));
  EXPECT_TRUE(Allow(admin, Role::kAdmin, "demo").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Allow(admin, Role::kAdmin, "")));
  EXPECT_TRUE(Allow(root, Role::kAdmin, "").ok());
  EXPECT_TRUE(Allow(agent, Role::kAgent, "").ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Allow(agent, Role::kViewer, "demo")));
  EXPECT_TRUE(absl::IsPermissionDenied(Allow(user, Role::kAgent, "")));
}

TEST(Audit, WritesALineForEveryChange) {
  const TemporaryFolder folder;
  auto audit = Audit::Open(folder / "audit.jsonl");
  ASSERT_TRUE(audit.ok()) << audit.status();
  EXPECT_TRUE(
      audit->Write({"ada", "CancelJob", "lrti-abc", "", absl::OkStatus()}, absl::UnixEpoch()).ok());
  EXPECT_TRUE(audit
                  ->Write({"", "SetPriority", "lrti-abc", "70", absl::UnauthenticatedError("who?")},
                          absl::UnixEpoch())
                  .ok());
  std::stringstream text;
  text << std::ifstream(folder / "audit.jsonl").rdbuf();
  EXPECT_EQ(text.str(),
            "{\"ts\":\"1970-01-01T00:00:00.000000Z\",\"user\":\"ada\",\"verb\":\"CancelJob\","
            "\"object\":\"lrti-abc\",\"outcome\":\"OK\"}\n"
            "{\"ts\":\"1970-01-01T00:00:00.000000Z\",\"user\":\"\",\"verb\":\"SetPriority\","
            "\"object\":\"lrti-abc\",\"detail\":\"70\",\"outcome\":\"UNAUTHENTICATED\"}\n");
}

}  // namespace
}  // namespace lrti::coordinator
