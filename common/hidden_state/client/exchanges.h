#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "common/hidden_state/client/exchange.h"
#include "common/hidden_state/client/fate.h"
#include "common/hidden_state/wire/item.h"
#include "common/hidden_state/wire/meta.h"

namespace lrti::hidden_state::client {

/// A state to be stored.
struct Offer {
  wire::Item item;
  std::span<const std::byte> bytes;  // item.bytes of them
  std::span<const uint32_t> crcs;  // ChunkCrcs(bytes), as its producer took them; none: taken here
};

/// What became of one key of a get or lease.
struct Answer {
  Fate fate = Fate::kNodeDown;
  Version version;  // kOk, kStale
};

/// Where the bytes of a hit go: exactly item.bytes of room, or none to turn the state down. Called
/// once for each hit, with the key's place in the call.
using Destination = std::function<std::span<std::byte>(size_t index, const wire::Item& item)>;

/// Stores the offers named by `items`, in order; `fates` has a place for each offer of the call.
/// Both must outlive it. Splits them into as many PUT_BEGINs as bounds ask for.
/// REQUIRES: items that CheckItem takes, as long as their bytes, with a CRC a chunk or none.
class PutExchange final : public Exchange {
 public:
  static constexpr uint64_t kBatchBytesMax = uint64_t{64} << 20;

  PutExchange(std::span<const Offer> offers, std::span<const size_t> items, std::span<Fate> fates);

  std::optional<Outgoing> Next(uint64_t deadline_us) override;
  absl::StatusOr<std::span<std::byte>> OnFrame(const wire::FrameHeader& header,
                                               wire::ByteView meta) override;
  absl::Status OnPayload(const wire::FrameHeader& header, uint32_t crc) override;
  bool done() const override { return waiting_.empty() && batch_.empty(); }

 private:
  enum class State : uint8_t { kBegin, kGranting, kSending, kStoring };

  std::optional<Outgoing> Begin(uint64_t deadline_us);
  Outgoing NextChunk();
  uint32_t CrcOfChunk(std::span<const std::byte> chunk) const;
  void SkipSent();
  absl::Status OnGrant(wire::ByteView meta);
  absl::Status OnDone(wire::ByteView meta);
  void EndBatch();

  const std::span<const Offer> offers_;
  const std::span<Fate> fates_;
  std::deque<size_t> waiting_;  // offers not begun yet
  State state_ = State::kBegin;
  uint64_t request_ = 0;
  std::vector<size_t> batch_;          // offers of this PUT_BEGIN
  std::vector<bool> granted_;          // of the batch
  size_t sending_ = 0;                 // place in the batch
  uint64_t offset_ = 0;                // in that state
  std::optional<uint32_t> first_crc_;  // of the batch's first chunk
};

/// Fetches the states of the keys named by `items`; `answers` has a place for each key of the call.
/// All must outlive it. Lengths come from the node but are held to the room that `destination`
/// gives; versions are held to the rule again, and bytes to their CRC.
class GetExchange final : public Exchange {
 public:
  GetExchange(std::span<const StateKey> keys, std::span<const size_t> items, const Rule& rule,
              const Destination& destination, std::span<Answer> answers);

  std::optional<Outgoing> Next(uint64_t deadline_us) override;
  absl::StatusOr<std::span<std::byte>> OnFrame(const wire::FrameHeader& header,
                                               wire::ByteView meta) override;
  absl::Status OnPayload(const wire::FrameHeader& header, uint32_t crc) override;
  bool done() const override { return begun_ == items_.size() && batch_.empty(); }

 private:
  // How far one key of the request is.
  struct Arriving {
    size_t index = 0;  // in the call
    bool answered = false;
    bool sound = true;  // so far
    bool wanted = false;
    wire::Item item;
    std::span<std::byte> room;
    uint64_t received = 0;
  };

  absl::Status OnItem(Arriving& arriving, const wire::FrameHeader& header, wire::ByteView meta);
  absl::StatusOr<std::span<std::byte>> OnData(const Arriving& arriving,
                                              const wire::FrameHeader& header);
  absl::Status OnEnd(const wire::FrameHeader& header);

  const std::span<const StateKey> keys_;
  const std::vector<size_t> items_;
  const Rule rule_;
  const Destination& destination_;
  const std::span<Answer> answers_;
  size_t begun_ = 0;  // of items_
  bool asked_ = false;
  uint64_t request_ = 0;
  std::vector<Arriving> batch_;
};

/// Asks where the states of the keys named by `items` lie, and with `lease` to keep them there.
class LocateExchange final : public Exchange {
 public:
  struct Found {
    size_t index = 0;  // in the call
    wire::Placed placed;
  };

  LocateExchange(std::span<const StateKey> keys, std::span<const size_t> items, const Rule& rule,
                 bool lease, std::span<Answer> answers);

  std::optional<Outgoing> Next(uint64_t deadline_us) override;
  absl::StatusOr<std::span<std::byte>> OnFrame(const wire::FrameHeader& header,
                                               wire::ByteView meta) override;
  absl::Status OnPayload(const wire::FrameHeader& header, uint32_t crc) override;
  bool done() const override { return begun_ == items_.size() && batch_.empty(); }

  /// What was found, in the order of the answers, also what breaks the rule (its fate is kStale):
  /// a lease of it must end too. The fate of the others is still to be said.
  std::vector<Found>& found() { return found_; }

 private:
  absl::Status OnPlace(const wire::FrameHeader& header, wire::ByteView meta);

  const std::span<const StateKey> keys_;
  const std::vector<size_t> items_;
  const Rule rule_;
  const bool lease_;
  const std::span<Answer> answers_;
  size_t begun_ = 0;
  bool asked_ = false;
  uint64_t request_ = 0;
  std::vector<size_t> batch_;  // places in the call
  std::vector<bool> answered_;
  std::vector<Found> found_;
};

/// Makes a node forget keys of a job, or with none the whole job.
class InvalidateExchange final : public Exchange {
 public:
  InvalidateExchange(uint64_t job, std::vector<StateKey> keys);

  std::optional<Outgoing> Next(uint64_t deadline_us) override;
  absl::StatusOr<std::span<std::byte>> OnFrame(const wire::FrameHeader& header,
                                               wire::ByteView meta) override;
  absl::Status OnPayload(const wire::FrameHeader& header, uint32_t crc) override;
  bool done() const override { return begun_ && !asked_ && next_ >= keys_.size(); }

 private:
  const uint64_t job_;
  const std::vector<StateKey> keys_;
  size_t next_ = 0;
  bool begun_ = false;
  bool asked_ = false;
  uint64_t request_ = 0;
};

}  // namespace lrti::hidden_state::client
