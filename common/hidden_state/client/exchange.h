#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "common/hidden_state/wire/bytes.h"
#include "common/hidden_state/wire/frame.h"

namespace lrti::hidden_state::client {

/// A frame on its way to a node. The payload must outlive the exchange.
struct Outgoing {
  wire::FrameHeader header;  // its lengths of meta and payload are filled in by the lane
  wire::Bytes meta;
  std::span<const std::byte> payload;
};

/// What is said on a lane from a request to its last answer: frames out, frames in, without a
/// socket. A plain value; the lane calls it and moves the bytes.
///
/// An error of any call ends the lane: the node's bytes cannot be trusted any more.
class Exchange {
 public:
  virtual ~Exchange() = default;

  /// The next frame to send, where there is one now; `deadline_us` is the time left for it.
  virtual std::optional<Outgoing> Next(uint64_t deadline_us) = 0;

  /// Takes an answer without its payload, and says where that goes: room for exactly
  /// `payload_bytes`, which stays until OnPayload; or none, and it is thrown away.
  virtual absl::StatusOr<std::span<std::byte>> OnFrame(const wire::FrameHeader& header,
                                                       wire::ByteView meta) = 0;

  /// The payload of that answer has come; `crc` is that of the bytes, not of the header.
  virtual absl::Status OnPayload(const wire::FrameHeader& header, uint32_t crc) = 0;

  /// Whether the last answer is in.
  virtual bool done() const = 0;
};

}  // namespace lrti::hidden_state::client
