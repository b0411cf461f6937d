#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "absl/time/time.h"
#include "common/config/schema.h"

namespace lrti::cache {

/// Where the second tier is, and how much it may cost the node.
struct RedisConfig {
  std::string endpoint;
  std::string user;
  std::string password_file;
  int64_t database = 0;
  absl::Duration timeout = absl::Seconds(1);
  absl::Duration keep = absl::Hours(1);
  int64_t queue_mib = 64;
  int64_t write_mib_per_second = 200;
  int64_t connections = 2;

  static auto Fields() {
    return std::tuple{
        config::Field{"endpoint", &RedisConfig::endpoint,
                      "HOST:PORT or unix:/PATH of a Redis or Valkey; empty: no second tier."},
        config::Field{"user", &RedisConfig::user, "Name to log in with; empty: the default user."},
        config::Field{"password_file", &RedisConfig::password_file,
                      "File whose first line is the password; empty: none."},
        config::Field{"database", &RedisConfig::database, "Number of the database.",
                      config::Between(0, 65535)},
        config::Field{"timeout", &RedisConfig::timeout,
                      "A connection or command that takes longer has failed.",
                      config::Between(absl::Milliseconds(10), absl::Minutes(1))},
        config::Field{"keep", &RedisConfig::keep,
                      "Redis forgets a state after this time; twice what the steps of "
                      "staleness_steps_max take.",
                      config::Between(absl::Seconds(1), absl::Hours(24 * 30))},
        config::Field{"queue_mib", &RedisConfig::queue_mib,
                      "States on their way to Redis; what does not fit is dropped.",
                      config::Between(1, 65536), config::Unit("MiB")},
        config::Field{"write_mib_per_second", &RedisConfig::write_mib_per_second,
                      "Mean rate of writing, so that reads come through.",
                      config::Between(1, 1 << 20), config::Unit("MiB/s")},
        config::Field{"connections", &RedisConfig::connections,
                      "Connections for the bytes of states, each reading one state at a time.",
                      config::Between(1, 64)},
    };
  }
};
static_assert(config::Covered<RedisConfig>);

}  // namespace lrti::cache
