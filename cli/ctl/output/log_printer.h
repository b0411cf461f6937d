#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace lrti::ctl {

/// Writes the log bytes of a job's ranks. Of one rank: the bytes as they are. Of several: whole
/// lines, each behind "rank N | ", so that ranks do not run into each other. Not thread-safe.
class LogPrinter {
 public:
  /// A line without an end is held back up to this length, then written in pieces.
  static constexpr size_t kLineBytesMax = 256 << 10;

  LogPrinter(bool several_ranks, std::function<void(std::string_view)> out)
      : several_ranks_(several_ranks), out_(std::move(out)) {}

  void Add(int64_t rank, std::string_view bytes);

  /// Writes what is held back of unfinished lines.
  void Flush();

 private:
  void Line(int64_t rank, std::string_view line);

  const bool several_ranks_;
  std::function<void(std::string_view)> out_;
  std::map<int64_t, std::string> unfinished_;
};

}  // namespace lrti::ctl
