#include "train/ranks/ranks.h"

#include <charconv>
#include <cstdlib>
#include <limits>

#include "common/base/status.h"

namespace lrti::train {
namespace {

/// A whole number in [min, max]; nothing when the variable is not set.
absl::StatusOr<std::optional<int64_t>> Number(const Environment& environment, const char* name,
                                              int64_t min, int64_t max) {
  const std::optional<std::string> text = environment(name);
  if (!text) return std::nullopt;
  int64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end) {
    return InvalidArgument("{}: '{}' is not a whole number", name, *text);
  }
  if (number < min || number > max) {
    return InvalidArgument("{}: {} is not within {} to {}", name, number, min, max);
  }
  return number;
}

absl::StatusOr<int64_t> Needed(const Environment& environment, const char* name, int64_t min,
                               int64_t max) {
  LRTI_ASSIGN_OR_RETURN(const std::optional<int64_t> number, Number(environment, name, min, max));
  if (!number) return InvalidArgument("{}: is not set, but WORLD_SIZE is above 1", name);
  return *number;
}

absl::Status ReadPlaces(const Environment& environment, Ranks& ranks) {
  LRTI_ASSIGN_OR_RETURN(ranks.rank, Needed(environment, "RANK", 0, ranks.world_size - 1));
  LRTI_ASSIGN_OR_RETURN(const auto local_size,
                        Number(environment, "LOCAL_WORLD_SIZE", 1, ranks.world_size));
  ranks.local_world_size = local_size.value_or(ranks.world_size);
  LRTI_ASSIGN_OR_RETURN(const auto local_rank,
                        Number(environment, "LOCAL_RANK", 0, ranks.local_world_size - 1));
  if (!local_rank && ranks.local_world_size != ranks.world_size) {
    return InvalidArgument("LOCAL_RANK: is not set, but LOCAL_WORLD_SIZE differs from WORLD_SIZE");
  }
  ranks.local_rank = local_rank.value_or(ranks.rank);
  return absl::OkStatus();
}

absl::Status ReadStore(const Environment& environment, Ranks& ranks) {
  ranks.master_address = environment("MASTER_ADDR").value_or("");
  if (ranks.master_address.empty()) {
    return InvalidArgument("MASTER_ADDR: is not set, but WORLD_SIZE is above 1");
  }
  LRTI_ASSIGN_OR_RETURN(const int64_t port, Needed(environment, "MASTER_PORT", 1, 65535));
  ranks.master_port = static_cast<uint16_t>(port);
  LRTI_ASSIGN_OR_RETURN(const auto fd,
                        Number(environment, "LRTI_STORE_FD", 0, std::numeric_limits<int>::max()));
  if (fd && !ranks.first()) {
    return InvalidArgument("LRTI_STORE_FD: is set for rank {}, but only rank 0 has the store",
                           ranks.rank);
  }
  if (fd) ranks.store_fd = static_cast<int>(*fd);
  return absl::OkStatus();
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

absl::StatusOr<Ranks> ReadRanks(const Environment& environment) {
  Ranks ranks;
  LRTI_ASSIGN_OR_RETURN(const auto attempt, Number(environment, "LRTI_ATTEMPT", 1,
                                                   std::numeric_limits<int64_t>::max()));
  ranks.attempt = attempt.value_or(0);
  LRTI_ASSIGN_OR_RETURN(const auto size, Number(environment, "WORLD_SIZE", 1, kRanksMax));
  ranks.world_size = size.value_or(1);
  if (!ranks.alone()) {
    LRTI_RETURN_IF_ERROR(ReadPlaces(environment, ranks));
    LRTI_RETURN_IF_ERROR(ReadStore(environment, ranks));
    return ranks;
  }
  LRTI_ASSIGN_OR_RETURN(const auto rank, Number(environment, "RANK", 0, kRanksMax));
  if (rank.value_or(0) != 0) {
    return InvalidArgument("RANK: {} is not below WORLD_SIZE, which is {}", *rank,
                           size ? "1" : "not set");
  }
  return ranks;
}

}  // namespace lrti::train
