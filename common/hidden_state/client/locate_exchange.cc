#include "common/base/status.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {

LocateExchange::LocateExchange(std::span<const StateKey> keys, std::span<const size_t> items,
                               const Rule& rule, bool lease, std::span<Answer> answers)
    : keys_(keys),
      items_(items.begin(), items.end()),
      rule_(rule),
      lease_(lease),
      answers_(answers) {}

std::optional<Outgoing> LocateExchange::Next(uint64_t deadline_us) {
  if (asked_ || begun_ == items_.size()) return std::nullopt;
  wire::Get get{.rule = rule_, .keys = {}};
  while (begun_ < items_.size() && get.keys.size() < wire::kKeysMax) {
    batch_.push_back(items_[begun_++]);
    get.keys.push_back(keys_[batch_.back()]);
  }
  answered_.assign(batch_.size(), false);
  asked_ = true;
  Outgoing frame;
  frame.header.type = lease_ ? wire::FrameType::kLease : wire::FrameType::kLocate;
  frame.header.request = ++request_;
  frame.header.deadline_us = deadline_us;
  frame.meta = wire::Encode(get);
  return frame;
}

absl::StatusOr<std::span<std::byte>> LocateExchange::OnFrame(const wire::FrameHeader& header,
                                                             wire::ByteView meta) {
  const bool ours = asked_ && header.request == request_;
  if (ours && header.type == wire::FrameType::kPlace && header.item < batch_.size()) {
    LRTI_RETURN_IF_ERROR(OnPlace(header, meta));
  } else if (ours && header.type == wire::FrameType::kGetEnd) {
    for (size_t i = 0; i < batch_.size(); ++i) {
      if (answered_[i]) continue;
      const Fate fate = FateOf(header.outcome);
      answers_[batch_[i]].fate = fate == Fate::kOk ? Fate::kMiss : fate;
    }
    batch_.clear();
    asked_ = false;
  } else {
    return DataLoss("locate: {} for item {} of request {} comes out of turn",
                    wire::NameOf(header.type), header.item, header.request);
  }
  return std::span<std::byte>();
}

absl::Status LocateExchange::OnPlace(const wire::FrameHeader& header, wire::ByteView meta) {
  if (answered_[header.item]) return DataLoss("locate: item {} is answered twice", header.item);
  answered_[header.item] = true;
  const size_t index = batch_[header.item];
  Answer& answer = answers_[index];
  if (header.outcome == wire::Outcome::kStale) {
    LRTI_ASSIGN_OR_RETURN(answer.version, wire::DecodeStale(meta));
  }
  if (header.outcome != wire::Outcome::kOk) {
    answer.fate = FateOf(header.outcome);
    return absl::OkStatus();
  }

  LRTI_ASSIGN_OR_RETURN(wire::Placed placed, wire::DecodePlaced(meta));
  if (placed.item.key != keys_[index]) {
    return DataLoss("locate: item {} is of another key than was asked for", header.item);
  }
  answer.version = placed.item.version;
  answer.fate = rule_.Accepts(answer.version) ? Fate::kNodeDown : Fate::kStale;
  found_.push_back({index, std::move(placed)});  // also a stale one: its lease must be released
  return absl::OkStatus();
}

absl::Status LocateExchange::OnPayload(const wire::FrameHeader& header, uint32_t /*crc*/) {
  return DataLoss("locate: {} came with a payload", wire::NameOf(header.type));
}

}  // namespace lrti::hidden_state::client
