#include "services/cache/redis/address.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace lrti::cache {
namespace {

TEST(RedisAddress, IsAPathOrAHostAndAPort) {
  EXPECT_EQ(*ParseRedisAddress("unix:/run/redis.sock"), (RedisAddress{.path = "/run/redis.sock"}));
  EXPECT_EQ(*ParseRedisAddress("cache:6379"), (RedisAddress{.host = "cache", .port = 6379}));
  EXPECT_EQ(*ParseRedisAddress("[::1]:1"), (RedisAddress{.host = "::1", .port = 1}));
}

TEST(RedisAddress, RefusesTheRestWithAnExample) {
  for (const std::string text : {"", "host", ":1", "host:", "host:0", "host:65536", "host:1x"}) {
    EXPECT_EQ(Message(ParseRedisAddress(text).status()),
              "redis endpoint '" + text +
                  "' is neither HOST:PORT, such as 127.0.0.1:6379, nor unix:/PATH");
  }
  EXPECT_EQ(Message(ParseRedisAddress("unix:").status()),
            "redis endpoint 'unix:': a path has 1 to 107 bytes");
}

}  // namespace
}  // namespace lrti::cache
