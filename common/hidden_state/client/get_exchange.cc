#include <algorithm>

#include "common/base/status.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {

GetExchange::GetExchange(std::span<const StateKey> keys, std::span<const size_t> items,
                         const Rule& rule, const Destination& destination,
                         std::span<Answer> answers)
    : keys_(keys),
      items_(items.begin(), items.end()),
      rule_(rule),
      destination_(destination),
      answers_(answers) {}

std::optional<Outgoing> GetExchange::Next(uint64_t deadline_us) {
  if (asked_ || begun_ == items_.size()) return std::nullopt;
  wire::Get get{.rule = rule_, .keys = {}};
  while (begun_ < items_.size() && get.keys.size() < wire::kKeysMax) {
    batch_.push_back({.index = items_[begun_++]});
    get.keys.push_back(keys_[batch_.back().index]);
  }
  asked_ = true;
  Outgoing frame;
  frame.header.type = wire::FrameType::kGet;
  frame.header.request = ++request_;
  frame.header.deadline_us = deadline_us;
  frame.meta = wire::Encode(get);
  return frame;
}

absl::StatusOr<std::span<std::byte>> GetExchange::OnFrame(const wire::FrameHeader& header,
                                                          wire::ByteView meta) {
  if (!asked_ || header.request != request_) {
    return DataLoss("get: {} for request {} comes out of turn", wire::NameOf(header.type),
                    header.request);
  }
  if (header.type == wire::FrameType::kGetEnd) {
    LRTI_RETURN_IF_ERROR(OnEnd(header));
    return std::span<std::byte>();
  }
  if (header.item >= batch_.size()) {
    return DataLoss("get: item {} of {}", header.item, batch_.size());
  }
  Arriving& arriving = batch_[header.item];
  if (header.type == wire::FrameType::kGetData) return OnData(arriving, header);
  if (header.type != wire::FrameType::kGetItem) {
    return DataLoss("get: {} comes out of turn", wire::NameOf(header.type));
  }
  LRTI_RETURN_IF_ERROR(OnItem(arriving, header, meta));
  return std::span<std::byte>();
}

absl::Status GetExchange::OnItem(Arriving& arriving, const wire::FrameHeader& header,
                                 wire::ByteView meta) {
  if (arriving.answered) return DataLoss("get: item {} is answered twice", header.item);
  arriving.answered = true;
  Answer& answer = answers_[arriving.index];
  if (header.outcome == wire::Outcome::kStale) {
    LRTI_ASSIGN_OR_RETURN(answer.version, wire::DecodeStale(meta));
  }
  if (header.outcome != wire::Outcome::kOk) {
    answer.fate = FateOf(header.outcome);
    return absl::OkStatus();
  }

  LRTI_ASSIGN_OR_RETURN(arriving.item, wire::DecodeFound(meta));
  if (arriving.item.key != keys_[arriving.index]) {
    return DataLoss("get: item {} is of another key than was asked for", header.item);
  }
  answer.version = arriving.item.version;
  if (!rule_.Accepts(answer.version)) {
    answer.fate = Fate::kStale;
    return absl::OkStatus();
  }
  arriving.room = destination_(arriving.index, arriving.item);
  arriving.wanted = arriving.room.size() == arriving.item.bytes;
  answer.fate = Fate::kBadItem;  // until all is there
  if (arriving.wanted) answer.fate = arriving.item.bytes == 0 ? Fate::kOk : Fate::kNodeDown;
  return absl::OkStatus();
}

absl::StatusOr<std::span<std::byte>> GetExchange::OnData(const Arriving& arriving,
                                                         const wire::FrameHeader& header) {
  if (!arriving.answered || header.offset != arriving.received) {
    return DataLoss("get: item {} goes on at {}, where {} is next", header.item, header.offset,
                    arriving.received);
  }
  LRTI_RETURN_IF_ERROR(wire::CheckPlace(header, arriving.item.bytes));
  if (!arriving.wanted) return std::span<std::byte>();
  return arriving.room.subspan(header.offset, header.payload_bytes);
}

absl::Status GetExchange::OnPayload(const wire::FrameHeader& header, uint32_t crc) {
  Arriving& arriving = batch_.at(header.item);
  arriving.received += header.payload_bytes;
  arriving.sound = arriving.sound && crc == header.payload_crc;
  if (arriving.wanted && arriving.received == arriving.item.bytes) {
    answers_[arriving.index].fate = arriving.sound ? Fate::kOk : Fate::kCorrupt;
  }
  return absl::OkStatus();
}

absl::Status GetExchange::OnEnd(const wire::FrameHeader& header) {
  for (const Arriving& arriving : batch_) {
    if (arriving.received < arriving.item.bytes) {
      return DataLoss("get: it ends with {} of {} bytes of a state", arriving.received,
                      arriving.item.bytes);
    }
    if (arriving.answered) continue;
    const Fate fate = FateOf(header.outcome);
    answers_[arriving.index].fate = fate == Fate::kOk ? Fate::kMiss : fate;
  }
  batch_.clear();
  asked_ = false;
  return absl::OkStatus();
}

}  // namespace lrti::hidden_state::client
