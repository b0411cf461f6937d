#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/hidden_state/wire/bytes.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::wire {

inline constexpr uint32_t kMagic = 0x31435348;  // "HSC1"
inline constexpr uint8_t kVersion = 1;

/// What a frame says. Numbers are never reused.
enum class FrameType : uint8_t {
  kHello = 1,      // client: versions, job, token
  kHelloAck,       // node: version, incarnation, limits
  kPutBegin,       // client: what it would store; a lone small item comes as payload
  kPutGrant,       // node: which of it to send
  kPutData,        // client: one chunk of an item that was granted
  kPutDone,        // node, after all is committed: what became of each item
  kPutAbort,       // client: forget the put
  kGet,            // client: rule and keys
  kGetItem,        // node: what stands under one key
  kGetData,        // node: one chunk of it
  kGetEnd,         // node: no more for this request
  kCancel,         // client: stop answering
  kCredit,         // node: bytes of eager puts that it takes
  kPing,           // either side
  kPong,           //
  kInvalidate,     // client: forget states
  kInvalidateAck,  // node: they are never served again
  kGoaway,         // node: no new requests on this lane
  kError,          // either side, before it closes the lane
  // On a Unix socket alone: states are read where they lie, and no payload moves.
  kPool,     // node, behind HELLO_ACK: its memory, as two descriptors that come with the header
  kLocate,   // client: as GET; answered by a PLACE for each key and GET_END
  kPlace,    // node: where the state of one key lies
  kLease,    // client: as LOCATE, and what is found stays until RELEASE or the end of the lane
  kRelease,  // client: leases that end; has no answer
};

/// How a request, or one item of it, ended.
enum class Outcome : uint32_t {
  kOk = 0,  // hit, granted, stored
  kMiss,
  kStale,  // get: what is there breaks the rule. put: what is there is fresher
  kPending,
  kTimeout,
  kCorrupt,
  kBadItem,  // its description does not agree with itself
  kHave,     // put: that very version is there
  kNoSpace,
  kQuota,
  kWrongNode,
  kWrongToken,
  kWrongVersion,
  kProtocol,
  kClosing,
};
inline constexpr uint32_t kOutcomes = static_cast<uint32_t>(Outcome::kClosing) + 1;

/// A receiver that does not know the type must close the lane; without it, it skips the frame.
inline constexpr uint16_t kMustUnderstand = 1;

/// The first 64 bytes of a frame; `meta_bytes` bytes of meta and `payload_bytes` of payload follow.
/// Fields that a type does not have are zero.
struct FrameHeader {
  FrameType type = FrameType::kPing;
  uint16_t flags = 0;
  uint32_t meta_bytes = 0;
  uint64_t payload_bytes = 0;
  uint64_t request = 0;
  uint64_t deadline_us = 0;  // time left when it was sent
  uint32_t item = 0;         // place in the request
  Outcome outcome = Outcome::kOk;
  uint64_t offset = 0;       // of the payload in its item; a multiple of kChunkBytes
  uint32_t payload_crc = 0;  // CRC-32C

  bool operator==(const FrameHeader&) const = default;
};

/// Whether this version of the protocol has the type.
bool Known(FrameType type);

/// The type's name as in the protocol's description, such as PUT_BEGIN.
std::string_view NameOf(FrameType type);

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

/// REQUIRES: a header that Decode takes.
HeaderBytes EncodeHeader(const FrameHeader& header);

/// Reads a header from a peer. A type that is not known is an error only with kMustUnderstand:
/// else its meta and payload, which keep to the bounds, are to be skipped.
/// Errors: DataLoss naming the field; the lane is of no more use.
absl::StatusOr<FrameHeader> DecodeHeader(std::span<const std::byte, kHeaderBytes> bytes);

/// Whether a chunk lies in an item of `item_bytes` bytes: on a chunk's border, and of the length
/// that a chunk has there. Errors: DataLoss naming the field.
absl::Status CheckPlace(const FrameHeader& header, uint64_t item_bytes);

}  // namespace lrti::wire
