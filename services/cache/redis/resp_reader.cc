#include "services/cache/redis/resp_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::cache {

void RespReader::Expect(std::span<std::byte> destination) {
  LRTI_CHECK(pending() < kPendingMax);
  expected_.push_back(destination);
}

std::string_view RespReader::Buffered() const {
  return {reinterpret_cast<const char*>(buffer_.data()) + begin_, end_ - begin_};
}

std::array<std::span<std::byte>, 2> RespReader::Space() {
  std::copy(buffer_.begin() + static_cast<ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<ptrdiff_t>(end_), buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  const std::span<std::byte> rest = std::span(buffer_).subspan(end_);
  if (part_ != Part::kValue) return {rest, {}};
  return {expected_.front().subspan(value_bytes_), rest};
}

absl::Status RespReader::Received(size_t bytes) {
  if (part_ == Part::kValue) {  // the buffer was empty: all before the value's rest was taken
    const size_t of_value = std::min(bytes, expected_.front().size() - value_bytes_);
    value_bytes_ += of_value;
    bytes -= of_value;
  }
  end_ += bytes;
  LRTI_CHECK(end_ <= buffer_.size());
  for (bool more = true; more;) LRTI_RETURN_IF_ERROR(Step(more));
  return absl::OkStatus();
}

// Takes one part; `more` is false where the next one is not there yet.
absl::Status RespReader::Step(bool& more) {
  const std::string_view there = Buffered();
  if (part_ == Part::kLine) {
    const size_t length = there.find("\r\n");
    more = length != std::string_view::npos;
    if (!more && there.size() == buffer_.size()) {
      return DataLoss("redis: a line of more than {} bytes", kLineBytesMax);
    }
    if (more) begin_ += length + 2;
    return more ? TakeLine(there.substr(0, length)) : absl::OkStatus();
  }
  if (part_ == Part::kValue) {
    const std::span<std::byte> rest = expected_.front().subspan(value_bytes_);
    const size_t taken = std::min(rest.size(), there.size());
    if (taken > 0) std::memcpy(rest.data(), there.data(), taken);
    begin_ += taken;
    value_bytes_ += taken;
    more = taken == rest.size();
    if (more) part_ = Part::kTail;
    return absl::OkStatus();
  }
  more = there.size() >= 2;
  if (!more) return absl::OkStatus();
  if (!there.starts_with("\r\n")) return DataLoss("redis: a value goes on behind its end");
  begin_ += 2;
  Finish(Kind::kValue);
  return absl::OkStatus();
}

absl::Status RespReader::TakeLine(std::string_view line) {
  if (expected_.empty()) return DataLoss("redis: an answer that nothing asked for");
  const std::string_view text = line.substr(std::min<size_t>(1, line.size()));
  switch (line.empty() ? '\0' : line[0]) {
    case '$':
      return BeginValue(text);
    case '+':
      Finish(Kind::kSimple, text);
      return absl::OkStatus();
    case ':':
      Finish(Kind::kInteger, text);
      return absl::OkStatus();
    case '-':
      Finish(Kind::kError, text);
      return absl::OkStatus();
    default:
      return DataLoss("redis: an answer of an unknown kind");
  }
}

absl::Status RespReader::BeginValue(std::string_view digits) {
  int64_t bytes = -1;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() || bytes < -1) {
    return DataLoss("redis: a value without a size");
  }
  if (bytes == -1) {
    Finish(Kind::kNil);
    return absl::OkStatus();
  }
  if (static_cast<uint64_t>(bytes) != expected_.front().size()) {
    return DataLoss("redis: a value of {} bytes, not {}", bytes, expected_.front().size());
  }
  part_ = Part::kValue;
  value_bytes_ = 0;
  return absl::OkStatus();
}

void RespReader::Finish(Kind kind, std::string_view text) {
  expected_.pop_front();
  answers_.push_back({kind, std::string(text)});
  part_ = Part::kLine;
}

std::optional<RespReader::Answer> RespReader::Next() {
  if (answers_.empty()) return std::nullopt;
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

}  // namespace lrti::cache
