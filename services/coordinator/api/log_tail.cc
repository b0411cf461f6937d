#include "services/coordinator/api/log_tail.h"

#include <utility>

#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kChunkBytesMax = size_t{64} << 10;

}  // namespace

LogTail::LogTail(const SpoolStore& spool, Request request)
    : spool_(spool), request_(std::move(request)), offsets_(request_.offsets) {}

std::vector<int64_t> LogTail::Ranks() const {
  if (request_.rank >= 0) return {request_.rank};
  return spool_.Ranks(request_.job, request_.attempt);
}

absl::StatusOr<bool> LogTail::Advance(const Take& take) {
  if (request_.attempt < 1) return true;
  for (const int64_t rank : Ranks()) {
    if (complete_.contains(rank)) continue;
    LRTI_ASSIGN_OR_RETURN(const bool wanted, AdvanceRank(rank, take));
    if (!wanted) return false;
  }
  return true;
}

absl::StatusOr<bool> LogTail::AdvanceRank(int64_t rank, const Take& take) {
  const SpoolName name{request_.job, request_.attempt, rank, Stream::kLog};
  if (!offsets_.contains(rank)) {
    uint64_t begin = 0;
    if (request_.tail_lines > 0) {
      LRTI_ASSIGN_OR_RETURN(begin, spool_.BeginOfLastLines(name, request_.tail_lines));
    }
    offsets_[rank] = begin;
  }
  uint64_t& offset = offsets_[rank];
  for (;;) {
    LRTI_ASSIGN_OR_RETURN(SpoolStore::Piece piece, spool_.Read(name, offset, kChunkBytesMax));
    const uint64_t end = offset + piece.data.size();
    const bool at_end = piece.complete && end >= piece.size;
    if (piece.data.empty() && !at_end) return true;
    // What was not kept is told by itself, after all that was.
    const bool complete = at_end && (piece.data.empty() || piece.written <= end);
    const uint64_t missing = complete && piece.written > end ? piece.written - end : 0;
    if (!take({request_.attempt, rank, offset + missing, std::move(piece.data), complete, missing}))
      return false;
    offset = end + missing;
    if (complete) {
      complete_.insert(rank);
      return true;
    }
  }
}

bool LogTail::AttemptComplete(int64_t ranks) const {
  return static_cast<int64_t>(complete_.size()) >= (request_.rank >= 0 ? 1 : ranks);
}

void LogTail::MoveTo(int64_t attempt) {
  request_.attempt = attempt;
  request_.tail_lines = 0;
  offsets_.clear();
  complete_.clear();
}

}  // namespace lrti::coordinator
