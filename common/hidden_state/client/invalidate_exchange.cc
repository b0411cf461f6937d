#include <algorithm>

#include "common/base/status.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {

InvalidateExchange::InvalidateExchange(uint64_t job, std::vector<StateKey> keys)
    : job_(job), keys_(std::move(keys)) {}

std::optional<Outgoing> InvalidateExchange::Next(uint64_t deadline_us) {
  if (asked_ || done()) return std::nullopt;
  const size_t count = std::min<size_t>(keys_.size() - next_, wire::kKeysMax);
  const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(next_);
  const wire::Invalidate invalidate{.job = job_,
                                    .keys = {first, first + static_cast<std::ptrdiff_t>(count)}};
  next_ += count;
  begun_ = true;
  asked_ = true;
  Outgoing frame;
  frame.header.type = wire::FrameType::kInvalidate;
  frame.header.request = ++request_;
  frame.header.deadline_us = deadline_us;
  frame.meta = wire::Encode(invalidate);
  return frame;
}

absl::StatusOr<std::span<std::byte>> InvalidateExchange::OnFrame(const wire::FrameHeader& header,
                                                                 wire::ByteView /*meta*/) {
  if (!asked_ || header.request != request_ || header.type != wire::FrameType::kInvalidateAck) {
    return DataLoss("invalidate: {} for request {} comes out of turn", wire::NameOf(header.type),
                    header.request);
  }
  asked_ = false;
  return std::span<std::byte>();
}

absl::Status InvalidateExchange::OnPayload(const wire::FrameHeader& header, uint32_t /*crc*/) {
  return DataLoss("invalidate: {} came with a payload", wire::NameOf(header.type));
}

}  // namespace lrti::hidden_state::client
