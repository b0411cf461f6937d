#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace lrti::worker {

/// Reads the lines that a file grows by. Keeps its place, and the begin of a line whose end has not
/// been written yet. Not thread-safe.
class EventTail {
 public:
  explicit EventTail(std::string path) : path_(std::move(path)) {}

  /// Hands out the whole lines since the last call, from at most 4 MiB. A line longer than 128 KiB
  /// is left out. Whether there may be more to read at once. A file that is not there has no lines.
  bool Poll(const std::function<void(std::string_view line)>& use);

  uint64_t long_lines() const { return long_lines_; }

 private:
  void Take(std::string_view piece, const std::function<void(std::string_view)>& use);

  std::string path_;
  uint64_t offset_ = 0;
  std::string begun_;      // of the line that has no end yet
  bool skipping_ = false;  // that line is too long
  uint64_t long_lines_ = 0;
};

}  // namespace lrti::worker
