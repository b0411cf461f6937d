#include "services/coordinator/api/event_lines.h"

#include <string_view>

#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kPieceBytes = size_t{64} << 10;
constexpr size_t kLineBytesMax = size_t{128} << 10;  // an event has 64 KiB at most, docs/events.md

}  // namespace

absl::StatusOr<EventLines> ReadEventLines(const SpoolStore& spool, const SpoolName& name,
                                          uint64_t offset) {
  LRTI_ASSIGN_OR_RETURN(SpoolStore::Piece piece, spool.Read(name, offset, kPieceBytes));
  size_t end = piece.data.rfind('\n');
  if (end == std::string::npos && piece.data.size() == kPieceBytes) {
    LRTI_ASSIGN_OR_RETURN(piece, spool.Read(name, offset, kLineBytesMax));
    end = piece.data.find('\n');
    if (end == std::string::npos && piece.data.size() == kLineBytesMax) {
      return DataLoss("events of {} attempt {} rank {}: the line at byte {} has no end", name.job,
                      name.attempt, name.rank, offset);
    }
  }
  EventLines result;
  const size_t used = end == std::string::npos ? 0 : end + 1;
  for (size_t begin = 0; begin < used;) {
    const size_t newline = piece.data.find('\n', begin);
    const std::string_view line(piece.data.data() + begin, newline + 1 - begin);
    if (line.find("\"event\":\"heartbeat\"") == std::string_view::npos) result.lines += line;
    begin = newline + 1;
  }
  result.next = offset + used;
  const bool only_a_half_line_is_left = piece.data.size() < kPieceBytes;
  result.complete = piece.complete && only_a_half_line_is_left;
  return result;
}

}  // namespace lrti::coordinator
