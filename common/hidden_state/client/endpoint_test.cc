#include "common/hidden_state/client/endpoint.h"

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

using testing::HasSubstr;

TEST(Endpoint, SaysHostPortAndPath) {
  const std::pair<std::string, Endpoint> cases[] = {
      {"tcp://node-1:7400", {"tcp://node-1:7400", "", "node-1", 7400}},
      {"tcp://[::1]:65535", {"tcp://[::1]:65535", "", "::1", 65535}},
      {"unix:/run/lrti/cache.sock", {"unix:/run/lrti/cache.sock", "/run/lrti/cache.sock", "", 0}},
      {"tcp://10.0.0.1:1+unix:/a+b", {"tcp://10.0.0.1:1", "/a+b", "10.0.0.1", 1}},
  };
  for (const auto& [text, wanted] : cases) {
    SCOPED_TRACE(text);
    const auto endpoint = ParseEndpoint(text);
    ASSERT_TRUE(endpoint.ok()) << Message(endpoint.status());
    EXPECT_EQ(*endpoint, wanted);
  }
}

TEST(Endpoint, RefusesWithTheTextAndTheReason) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "neither with tcp:// nor with unix:"},
      {"localhost:7400", "neither with tcp:// nor with unix:"},
      {"tcp://host", "no port"},
      {"tcp://:7400", "no host"},
      {"tcp://[]:7400", "no host"},
      {"tcp://::1:7400", "brackets"},
      {"tcp://host:", "'' is no port"},
      {"tcp://host:0", "'0' is no port"},
      {"tcp://host:65536", "'65536' is no port"},
      {"tcp://host:80x", "'80x' is no port"},
      {"tcp://host:80+", "neither with"},
      {"unix:relative", "does not begin with '/'"},
      {"unix:/" + std::string(108, 'x'), "longer than 107"},
  };
  for (const auto& [text, why] : cases) {
    SCOPED_TRACE(text);
    const auto status = ParseEndpoint(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), HasSubstr("endpoint '" + text + "'"));
    EXPECT_THAT(Message(status), HasSubstr(why));
  }
}

TEST(Endpoint, ListsNameEachNodeOnce) {
  EXPECT_EQ(ParseEndpoints({"tcp://a:1", "tcp://b:1"})->size(), 2u);
  EXPECT_THAT(Message(ParseEndpoints({}).status()), HasSubstr("none is given"));
  EXPECT_THAT(Message(ParseEndpoints({"tcp://a:1", "tcp://a:1+unix:/x"}).status()),
              HasSubstr("'tcp://a:1' is given twice"));
}

}  // namespace
}  // namespace lrti::hidden_state::client
