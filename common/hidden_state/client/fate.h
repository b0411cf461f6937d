#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/hidden_state/wire/frame.h"

namespace lrti::hidden_state::client {

/// How one item of a call ended. Of a get, all but kOk mean: recompute.
enum class Fate : uint8_t {
  kOk,        // hit, stored
  kMiss,      // not there, or it went while it was being read
  kStale,     // get: what is there breaks the rule. put: what is there is fresher
  kTimeout,   // the deadline came first
  kNodeDown,  // its node cannot be reached, or the lane broke
  kCorrupt,   // bytes and checksum differ
  kBadItem,   // its description is not one that this client takes
  kNoSpace,   // put: the node is full, or the client's share of it
  kRefused,   // the node does not serve this job or this kind of call
};
inline constexpr std::array<std::string_view, 9> kFateNames = {
    "ok", "miss", "stale", "timeout", "node_down", "corrupt", "bad_item", "no_space", "refused"};

constexpr Fate FateOf(wire::Outcome outcome) {
  switch (outcome) {
    case wire::Outcome::kOk:
    case wire::Outcome::kHave:
      return Fate::kOk;
    case wire::Outcome::kMiss:
      return Fate::kMiss;
    case wire::Outcome::kStale:
      return Fate::kStale;
    case wire::Outcome::kPending:
    case wire::Outcome::kTimeout:
      return Fate::kTimeout;
    case wire::Outcome::kCorrupt:
      return Fate::kCorrupt;
    case wire::Outcome::kBadItem:
      return Fate::kBadItem;
    case wire::Outcome::kNoSpace:
    case wire::Outcome::kQuota:
      return Fate::kNoSpace;
    case wire::Outcome::kClosing:
      return Fate::kNodeDown;
    case wire::Outcome::kWrongNode:
    case wire::Outcome::kWrongToken:
    case wire::Outcome::kWrongVersion:
    case wire::Outcome::kProtocol:
      return Fate::kRefused;
  }
  return Fate::kRefused;
}

}  // namespace lrti::hidden_state::client
