#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/wire/bytes.h"
#include "common/hidden_state/wire/frame.h"
#include "common/hidden_state/wire/item.h"

/// What frames carry between header and payload. Each Encode gives what its Decode takes: a sealed
/// meta of at most kMetaBytesMax bytes. Each Decode takes bytes from a peer and answers DataLoss
/// naming the field; the lane is then of no more use.
namespace lrti::wire {

struct Hello {
  uint8_t version_min = kVersion;
  uint8_t version_max = kVersion;
  uint64_t job = 0;
  uint64_t client = 0;  // drawn at random by each client
  std::string token;    // the job's, at most kTokenBytesMax bytes; not empty

  bool operator==(const Hello&) const = default;
};
Bytes Encode(const Hello& hello);
absl::StatusOr<Hello> DecodeHello(ByteView meta);

/// Compares tokens in a time that does not tell where they differ.
bool SameToken(std::string_view token, std::string_view other);

struct HelloAck {
  uint8_t version = kVersion;
  uint64_t incarnation = 0;   // changes whenever the node starts
  uint64_t credit_bytes = 0;  // of eager puts that may be on their way
  uint32_t lanes_max = 1;     // for each client

  bool operator==(const HelloAck&) const = default;
};
Bytes Encode(const HelloAck& ack);
absl::StatusOr<HelloAck> DecodeHelloAck(ByteView meta);

/// PUT_BEGIN: one entry for each item, in order. An item whose description is at odds with itself,
/// or whose key came before, is an InvalidArgument in its place; the others stand.
/// REQUIRES of EncodePutBegin: 1..kItemsMax items, in all at most kMetaBytesMax bytes.
Bytes EncodePutBegin(const std::vector<Item>& items);
absl::StatusOr<std::vector<absl::StatusOr<Item>>> DecodePutBegin(ByteView meta);

/// PUT_GRANT and PUT_DONE: the outcome of each item, in order. `items` is how many were asked.
Bytes EncodeOutcomes(const std::vector<Outcome>& outcomes);
absl::StatusOr<std::vector<Outcome>> DecodeOutcomes(ByteView meta, size_t items);

struct Get {
  hidden_state::Rule rule;
  std::vector<hidden_state::StateKey> keys;  // 1..kKeysMax; a key may occur twice
};
Bytes Encode(const Get& get);
absl::StatusOr<Get> DecodeGet(ByteView meta);

/// GET_ITEM with Outcome::kOk: what follows as GET_DATA.
Bytes EncodeFound(const Item& item);
absl::StatusOr<Item> DecodeFound(ByteView meta);

/// GET_ITEM with Outcome::kStale: the version that is there.
Bytes EncodeStale(const hidden_state::Version& version);
absl::StatusOr<hidden_state::Version> DecodeStale(ByteView meta);

/// CREDIT: so many more bytes of eager puts, at most kItemBytesMax.
Bytes EncodeCredit(uint64_t bytes);
absl::StatusOr<uint64_t> DecodeCredit(ByteView meta);

/// Forgets keys of a job, or with no keys all of it.
struct Invalidate {
  uint64_t job = 0;
  std::vector<hidden_state::StateKey> keys;  // at most kKeysMax, all of `job`
};
Bytes Encode(const Invalidate& invalidate);
absl::StatusOr<Invalidate> DecodeInvalidate(ByteView meta);

/// POOL: how long the two memories are whose descriptors come with it. The directory has a 64-bit
/// number for each page of the pool: the generation of the state that begins there while the node
/// serves it, else 0.
struct Pool {
  uint64_t pool_bytes = 0;       // whole pages, not none
  uint64_t directory_bytes = 0;  // eight for each page of the pool

  bool operator==(const Pool&) const = default;
};
Bytes Encode(const Pool& pool);
absl::StatusOr<Pool> DecodePool(ByteView meta);

/// PLACE with Outcome::kOk: a state, where its bytes begin in the pool, and the CRC-32C of each
/// kChunkBytes of them. With Outcome::kStale it is as EncodeStale.
struct Placed {
  Item item;
  uint64_t offset = 0;      // of a page
  uint64_t generation = 0;  // never 0, never used twice by a node
  std::vector<uint32_t> crcs;

  bool operator==(const Placed&) const = default;
};
/// REQUIRES of Encode: as many CRCs as the item has chunks.
Bytes Encode(const Placed& placed);
absl::StatusOr<Placed> DecodePlaced(ByteView meta);

/// RELEASE: places as PLACE named them, a lease each; a place may occur twice.
struct LeasedPlace {
  uint64_t offset = 0;
  uint64_t generation = 0;

  bool operator==(const LeasedPlace&) const = default;
};
/// REQUIRES of EncodeRelease: 1..kKeysMax places.
Bytes EncodeRelease(const std::vector<LeasedPlace>& places);
absl::StatusOr<std::vector<LeasedPlace>> DecodeRelease(ByteView meta);

/// ERROR: printable ASCII, cut at kErrorTextBytesMax; other bytes become '?'.
Bytes EncodeError(std::string_view text);
absl::StatusOr<std::string> DecodeError(ByteView meta);

}  // namespace lrti::wire
