#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/codec/codec.h"
#include "common/hidden_state/key.h"
#include "common/hidden_state/wire/bytes.h"

namespace lrti::wire {

/// The bytes of a key and the least bytes of an item.
inline constexpr size_t kKeyBytes = 48;
inline constexpr size_t kItemHeaderBytes = 88;

/// How a state is described beside its bytes, which are row-major.
struct Item {
  hidden_state::StateKey key;
  hidden_state::Version version;
  codec::Encoding encoding = codec::Encoding::kFp32;
  bool not_finite = false;  // the producer saw NaN or infinities
  float error_max = 0;      // what the encoding lost, as codec::Loss
  uint64_t bytes = 0;
  std::vector<int64_t> shape;
  std::vector<float> scales;  // of kInt8, one for each plane

  bool operator==(const Item&) const = default;
};

/// Whether a description agrees with itself: shape and encoding with the size, which is within
/// kItemBytesMax; int8 with one sound scale for each plane, the others with none; an error that is
/// a number. Errors: InvalidArgument naming the field.
absl::Status CheckItem(const Item& item);

/// How many bytes AddItem writes: what a client counts to split its puts.
size_t EncodedBytes(const Item& item);

/// REQUIRES: at most kDimensionsMax sizes and kScalesMax scales.
void AddItem(const Item& item, Writer& writer);
void AddKey(const hidden_state::StateKey& key, Writer& writer);
void AddVersion(const hidden_state::Version& version, Writer& writer);

/// Reads what AddItem wrote. The outer status says that bytes cannot be told apart any more
/// (DataLoss); the inner one is that of CheckItem: the next item is still readable.
absl::StatusOr<absl::StatusOr<Item>> TakeItem(Reader& reader);
hidden_state::StateKey TakeKey(Reader& reader);
hidden_state::Version TakeVersion(Reader& reader);

}  // namespace lrti::wire
