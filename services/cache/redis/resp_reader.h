#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace lrti::cache {

/// Takes apart what a Redis answers to pipelined commands, as the bytes arrive, and lets large
/// values arrive where they belong: no byte of a value is copied but those that came in one read
/// with the line before it.
///
///     reader.Expect(chunk);               for each command, in the order they are sent
///     read into reader.Space()            at most once, as much as there is
///     reader.Received(bytes)
///     while (auto answer = reader.Next()) ...
///
/// Knows what GET, AUTH, SELECT and PING answer: bulk strings of a size known beforehand, nil,
/// simple strings, integers, errors. A plain value; takes no memory beyond kPendingMax answers.
class RespReader {
 public:
  static constexpr size_t kPendingMax = 64;
  static constexpr size_t kLineBytesMax = 1024;

  enum class Kind : uint8_t { kValue, kNil, kSimple, kInteger, kError };
  struct Answer {
    Kind kind = Kind::kNil;
    std::string text;  // of kSimple, kInteger and kError
    bool operator==(const Answer&) const = default;
  };

  /// The answer to the next command is a value of just destination.size() bytes, or no value.
  /// REQUIRES: `destination` stays until its answer; fewer than kPendingMax are pending.
  void Expect(std::span<std::byte> destination);

  /// How many expected answers have not come whole.
  size_t pending() const { return expected_.size(); }

  /// Where the next bytes go, in order; the first span is never empty.
  std::array<std::span<std::byte>, 2> Space();

  /// So many bytes were put into Space(). Errors: DataLoss when they are no answer, a value has
  /// another size than expected, or nothing was expected; the connection is of no more use then.
  absl::Status Received(size_t bytes);

  /// The next answer, in the order of the commands.
  std::optional<Answer> Next();

 private:
  enum class Part : uint8_t { kLine, kValue, kTail };

  absl::Status Step(bool& more);
  absl::Status TakeLine(std::string_view line);
  absl::Status BeginValue(std::string_view digits);
  void Finish(Kind kind, std::string_view text = {});
  std::string_view Buffered() const;

  std::deque<std::span<std::byte>> expected_;
  std::deque<Answer> answers_;
  Part part_ = Part::kLine;
  size_t value_bytes_ = 0;  // of the first expected that are there
  std::array<std::byte, kLineBytesMax> buffer_{};
  size_t begin_ = 0;  // what is in buffer_ and not yet taken
  size_t end_ = 0;
};

}  // namespace lrti::cache
