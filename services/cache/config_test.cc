#include "services/cache/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/rpc/address.h"

namespace lrti::cache {
namespace {

TEST(ProgramConfig, ServesThisHostAloneUnlessToldOtherwise) {
  const auto config = ParseProgramConfig("", {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(rpc::IsLoopback(config->data.listen));
  EXPECT_TRUE(rpc::IsLoopback(config->control.listen));
  EXPECT_TRUE(rpc::IsLoopback(config->http.listen));
  EXPECT_TRUE(OpenJobs(*config));
  EXPECT_EQ(config->redis.endpoint, "");
}

TEST(ProgramConfig, TellsLoopbackFromTheRest) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:0", "[::1]:7420"}) {
    EXPECT_TRUE(rpc::IsLoopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:127.0.0.1]:1", "::1:1",
                              "localhost:1", "127.0.0.1", "127.0.0.1:x", ""}) {
    EXPECT_FALSE(rpc::IsLoopback(address)) << address;
  }
}

TEST(ProgramConfig, BeyondLoopbackItMustBeAllowed) {
  for (const char* path : {"data.listen", "control.listen", "http.listen"}) {
    SCOPED_TRACE(path);
    const std::string assignment = std::string(path) + "=0.0.0.0:7420";
    EXPECT_EQ(
        Message(ParseProgramConfig("", {assignment}).status()),
        std::string(path) +
            " (override): other hosts can connect to 0.0.0.0:7420, and nothing is encrypted there: "
            "listen on 127.0.0.1, or set insecure: true (--insecure) where you trust the "
            "network");
    EXPECT_TRUE(ParseProgramConfig("insecure: true", {assignment}).ok());
  }
}

TEST(ProgramConfig, JobsAreOpenOnlyWhereNobodyElseConnects) {
  const std::string everywhere = "{data: {listen: '0.0.0.0:1'}, insecure: true}";
  EXPECT_FALSE(OpenJobs(*ParseProgramConfig(everywhere, {})));
  EXPECT_TRUE(OpenJobs(*ParseProgramConfig(everywhere, {"jobs=open"})));
  EXPECT_TRUE(OpenJobs(*ParseProgramConfig("data: {listen: ''}", {})));
  EXPECT_FALSE(OpenJobs(*ParseProgramConfig("jobs: registered", {})));
}

TEST(ProgramConfig, SaysEverythingThatIsWrongAtOnce) {
  const auto config = ParseProgramConfig(
      "{data: {listen: localhost:1, socket: ''}, http: {listen: '1.2.3.4'}, redis: {endpoint: x}, "
      "pool: {mb: 3}, drain: soon}",
      {});
  const std::string message = Message(config.status());
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* part :
       {"data.listen (line 1): 'localhost:1' is no IP address and port such as 127.0.0.1:7420",
        "http.listen (line 1): '1.2.3.4' is no IP address", "redis.endpoint (line 1): ", "pool.mb",
        "drain"}) {
    EXPECT_THAT(message, testing::HasSubstr(part));
  }
}

TEST(ProgramConfig, ANodeThatNobodyCouldReachIsRefused) {
  EXPECT_THAT(
      Message(ParseProgramConfig("data: {listen: '', socket: ''}", {}).status()),
      testing::HasSubstr("data (line 1): neither listen nor socket is set: nobody could connect"));
}

TEST(ProgramConfig, ItsTextReadsBackAsItWas) {
  const auto config = ParseProgramConfig("", {"redis.endpoint='127.0.0.1:6379'", "drain=1m"});
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string text = config::Dump(*config);
  EXPECT_EQ(config::Dump(*ParseProgramConfig(text, {})), text);
}

}  // namespace
}  // namespace lrti::cache
