#include "train/ranks/ranks.h"

#include <array>
#include <map>

#include "common/base/status.h"
#include "gtest/gtest.h"

namespace lrti::train {
namespace {

using Variables = std::map<std::string, std::string>;

absl::StatusOr<Ranks> Read(const Variables& variables) {
  return ReadRanks([&](const char* name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
}

Variables Two(Variables changes) {
  Variables all = {
      {"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "10.0.0.7"}, {"MASTER_PORT", "29500"}};
  for (auto& [name, value] : changes) all[name] = value;
  return all;
}

TEST(Ranks, WithoutAWorldThereIsOneRank) {
  const Ranks ranks = Read({{"LRTI_ATTEMPT", "3"}}).value();
  EXPECT_TRUE(ranks.alone());
  EXPECT_TRUE(ranks.first());
  EXPECT_EQ(ranks.attempt, 3);
  EXPECT_EQ(ranks.store_fd, std::nullopt);
}

TEST(Ranks, AWorldOfOneNeedsNoStore) {
  EXPECT_TRUE(Read({{"WORLD_SIZE", "1"}, {"RANK", "0"}}).value().alone());
}

TEST(Ranks, OfOneMachineAreTheirOwnLocalOnes) {
  const Ranks ranks = Read(Two({})).value();
  EXPECT_EQ(ranks.rank, 1);
  EXPECT_EQ(ranks.world_size, 2);
  EXPECT_EQ(ranks.local_rank, 1);
  EXPECT_EQ(ranks.local_world_size, 2);
  EXPECT_EQ(ranks.master_address, "10.0.0.7");
  EXPECT_EQ(ranks.master_port, 29500);
  EXPECT_EQ(ranks.attempt, 0);
}

TEST(Ranks, OfTwoMachinesSayWhichTheyAreThere) {
  const Ranks ranks = Read(Two({{"LOCAL_RANK", "0"}, {"LOCAL_WORLD_SIZE", "1"}})).value();
  EXPECT_EQ(ranks.local_rank, 0);
  EXPECT_EQ(ranks.local_world_size, 1);
}

TEST(Ranks, TheFirstMayBeGivenItsSocket) {
  EXPECT_EQ(Read(Two({{"RANK", "0"}, {"LRTI_STORE_FD", "7"}})).value().store_fd, 7);
}

struct Case {
  Variables variables;
  std::string message;
};

TEST(Ranks, RefusesWithTheVariableAndTheReason) {
  const std::array cases = {
      Case{Two({{"RANK", "2"}}), "RANK: 2 is not within 0 to 1"},
      Case{Two({{"RANK", "-1"}}), "RANK: -1 is not within 0 to 1"},
      Case{Two({{"RANK", "one"}}), "RANK: 'one' is not a whole number"},
      Case{Two({{"RANK", ""}}), "RANK: '' is not a whole number"},
      Case{Two({{"RANK", "1 "}}), "RANK: '1 ' is not a whole number"},
      Case{Two({{"WORLD_SIZE", "5000"}}), "WORLD_SIZE: 5000 is not within 1 to 4096"},
      Case{Two({{"WORLD_SIZE", "0"}}), "WORLD_SIZE: 0 is not within 1 to 4096"},
      Case{{{"WORLD_SIZE", "2"}}, "RANK: is not set, but WORLD_SIZE is above 1"},
      Case{{{"RANK", "1"}}, "RANK: 1 is not below WORLD_SIZE, which is not set"},
      Case{Two({{"MASTER_ADDR", ""}}), "MASTER_ADDR: is not set, but WORLD_SIZE is above 1"},
      Case{{{"WORLD_SIZE", "2"}, {"RANK", "0"}, {"MASTER_ADDR", "host"}},
           "MASTER_PORT: is not set, but WORLD_SIZE is above 1"},
      Case{Two({{"MASTER_PORT", "65536"}}), "MASTER_PORT: 65536 is not within 1 to 65535"},
      Case{Two({{"LOCAL_WORLD_SIZE", "3"}}), "LOCAL_WORLD_SIZE: 3 is not within 1 to 2"},
      Case{Two({{"LOCAL_WORLD_SIZE", "1"}}),
           "LOCAL_RANK: is not set, but LOCAL_WORLD_SIZE differs from WORLD_SIZE"},
      Case{Two({{"LRTI_STORE_FD", "7"}}),
           "LRTI_STORE_FD: is set for rank 1, but only rank 0 has the store"},
      Case{Two({{"LRTI_ATTEMPT", "0"}}), "LRTI_ATTEMPT: 0 is not within 1 to 9223372036854775807"},
      Case{Two({{"LRTI_ATTEMPT", "99999999999999999999"}}),
           "LRTI_ATTEMPT: '99999999999999999999' is not a whole number"},
  };
  for (const auto& [variables, message] : cases) {
    SCOPED_TRACE(message);
    const absl::Status status = Read(variables).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(Message(status), message);
  }
}

}  // namespace
}  // namespace lrti::train
