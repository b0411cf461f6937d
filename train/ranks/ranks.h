#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::train {

inline constexpr int64_t kRanksMax = 4096;

/// A trainer's place among those that train one job together; by default it is alone.
struct Ranks {
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t local_rank = 0;  // among the ranks on this machine
  int64_t local_world_size = 1;
  std::string master_address;  // where rank 0's store answers; empty for one rank
  uint16_t master_port = 0;
  std::optional<int> store_fd;  // rank 0: a listening socket on that port, given by who started us
  int64_t attempt = 0;          // which start of the job this is, from 1 on; 0: nobody counts

  bool first() const { return rank == 0; }
  bool alone() const { return world_size == 1; }
};

/// Looks up a variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// The environment of this process.
std::optional<std::string> ProcessEnvironment(const char* name);

/// Ranks as torchrun's variables give them: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE,
/// MASTER_ADDR, MASTER_PORT; and LRTI_STORE_FD, LRTI_ATTEMPT. Without WORLD_SIZE there is one rank.
/// LOCAL_RANK and LOCAL_WORLD_SIZE may be missing where all ranks are on one machine.
/// Errors: InvalidArgument naming the variable: not a number, out of range, missing.
absl::StatusOr<Ranks> ReadRanks(const Environment& environment);

}  // namespace lrti::train
