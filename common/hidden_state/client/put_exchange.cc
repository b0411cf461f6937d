#include <algorithm>
#include <set>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {
namespace {

constexpr size_t kCountAndCrcBytes = 2 * sizeof(uint32_t);  // around the items of a PUT_BEGIN

std::span<const std::byte> ChunkAt(const Offer& offer, uint64_t offset) {
  const std::span<const std::byte> rest = offer.bytes.subspan(offset);
  return rest.first(std::min<size_t>(rest.size(), wire::kChunkBytes));
}

}  // namespace

PutExchange::PutExchange(std::span<const Offer> offers, std::span<const size_t> items,
                         std::span<Fate> fates)
    : offers_(offers), fates_(fates), waiting_(items.begin(), items.end()) {}

std::optional<Outgoing> PutExchange::Next(uint64_t deadline_us) {
  if (state_ == State::kBegin) return Begin(deadline_us);
  if (state_ == State::kSending) return NextChunk();
  if (state_ == State::kGranting && !first_crc_ && offers_[batch_[0]].crcs.empty()) {
    first_crc_ = Crc32c(ChunkAt(offers_[batch_[0]], 0));  // the node is thinking anyway
  }
  return std::nullopt;
}

// The first of those that wait, as many as one PUT_BEGIN can hold; a key that comes again waits,
// so that the order of its versions is kept.
std::optional<Outgoing> PutExchange::Begin(uint64_t deadline_us) {
  std::vector<wire::Item> items;
  std::set<StateKey> keys;
  size_t meta_bytes = kCountAndCrcBytes;
  uint64_t bytes = 0;
  while (!waiting_.empty() && items.size() < wire::kItemsMax) {
    const wire::Item& item = offers_[waiting_.front()].item;
    meta_bytes += wire::EncodedBytes(item);
    bytes += item.bytes;
    const bool fits = meta_bytes <= wire::kMetaBytesMax && bytes <= kBatchBytesMax;
    if (!items.empty() && (!fits || keys.contains(item.key))) break;
    keys.insert(item.key);
    items.push_back(item);
    batch_.push_back(waiting_.front());
    waiting_.pop_front();
  }
  if (items.empty()) return std::nullopt;
  state_ = State::kGranting;
  Outgoing frame;
  frame.header.type = wire::FrameType::kPutBegin;
  frame.header.request = ++request_;
  frame.header.deadline_us = deadline_us;
  frame.meta = wire::EncodePutBegin(items);
  return frame;
}

// To the next state that has bytes to send.
void PutExchange::SkipSent() {
  while (sending_ < batch_.size() &&
         (!granted_[sending_] || offset_ >= offers_[batch_[sending_]].bytes.size())) {
    ++sending_;
    offset_ = 0;
  }
  if (sending_ == batch_.size()) state_ = State::kStoring;
}

// That of its producer, so that what happens to the bytes from there on is noticed.
uint32_t PutExchange::CrcOfChunk(std::span<const std::byte> chunk) const {
  const Offer& offer = offers_[batch_[sending_]];
  if (!offer.crcs.empty()) return offer.crcs[offset_ / wire::kChunkBytes];
  return sending_ == 0 && offset_ == 0 && first_crc_ ? *first_crc_ : Crc32c(chunk);
}

Outgoing PutExchange::NextChunk() {
  Outgoing frame;
  frame.payload = ChunkAt(offers_[batch_[sending_]], offset_);
  frame.header.type = wire::FrameType::kPutData;
  frame.header.request = request_;
  frame.header.item = static_cast<uint32_t>(sending_);
  frame.header.offset = offset_;
  frame.header.payload_crc = CrcOfChunk(frame.payload);
  offset_ += frame.payload.size();
  SkipSent();
  return frame;
}

absl::StatusOr<std::span<std::byte>> PutExchange::OnFrame(const wire::FrameHeader& header,
                                                          wire::ByteView meta) {
  const bool ours = header.request == request_;
  if (ours && header.type == wire::FrameType::kPutGrant && state_ == State::kGranting) {
    LRTI_RETURN_IF_ERROR(OnGrant(meta));
  } else if (ours && header.type == wire::FrameType::kPutDone && state_ == State::kStoring) {
    LRTI_RETURN_IF_ERROR(OnDone(meta));
  } else {
    return DataLoss("put: {} for request {} comes out of turn", wire::NameOf(header.type),
                    header.request);
  }
  return std::span<std::byte>();
}

absl::Status PutExchange::OnGrant(wire::ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(const std::vector<wire::Outcome> outcomes,
                        wire::DecodeOutcomes(meta, batch_.size()));
  const bool any = std::ranges::find(outcomes, wire::Outcome::kOk) != outcomes.end();
  granted_.assign(batch_.size(), false);
  std::vector<size_t> again;
  for (size_t i = 0; i < batch_.size(); ++i) {
    granted_[i] = outcomes[i] == wire::Outcome::kOk;
    fates_[batch_[i]] = granted_[i] ? Fate::kNodeDown : FateOf(outcomes[i]);
    // What the quota kept out may fit once the others are stored.
    if (any && outcomes[i] == wire::Outcome::kQuota) again.push_back(batch_[i]);
  }
  waiting_.insert(waiting_.begin(), again.begin(), again.end());
  state_ = State::kSending;
  sending_ = 0;
  offset_ = 0;
  if (any) {
    SkipSent();
  } else {
    EndBatch();  // the node says no more about it
  }
  return absl::OkStatus();
}

absl::Status PutExchange::OnDone(wire::ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(const std::vector<wire::Outcome> outcomes,
                        wire::DecodeOutcomes(meta, batch_.size()));
  for (size_t i = 0; i < batch_.size(); ++i) {
    if (granted_[i]) fates_[batch_[i]] = FateOf(outcomes[i]);
  }
  EndBatch();
  return absl::OkStatus();
}

void PutExchange::EndBatch() {
  batch_.clear();
  first_crc_.reset();
  state_ = State::kBegin;
}

absl::Status PutExchange::OnPayload(const wire::FrameHeader& header, uint32_t /*crc*/) {
  return DataLoss("put: {} came with a payload", wire::NameOf(header.type));
}

}  // namespace lrti::hidden_state::client
