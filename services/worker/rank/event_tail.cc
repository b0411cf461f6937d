#include "services/worker/rank/event_tail.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "common/base/open_file.h"

namespace lrti::worker {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr int kPiecesMax = 16;
constexpr size_t kEventBytesMax = 128 << 10;

}  // namespace

bool EventTail::Poll(const std::function<void(std::string_view)>& use) {
  const OpenFile file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return false;
  std::vector<char> piece(kPieceBytes);
  for (int i = 0; i < kPiecesMax; ++i) {
    const ssize_t got = ::pread(file.fd(), piece.data(), piece.size(), static_cast<off_t>(offset_));
    if (got <= 0) return false;
    offset_ += static_cast<uint64_t>(got);
    Take(std::string_view(piece.data(), static_cast<size_t>(got)), use);
  }
  return true;
}

void EventTail::Take(std::string_view piece, const std::function<void(std::string_view)>& use) {
  while (!piece.empty()) {
    const size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (begun_.size() + part.size() > kEventBytesMax) skipping_ = true;
    if (skipping_) {
      begun_.clear();
    } else {
      begun_ += part;
    }
    if (end == std::string_view::npos) return;
    if (skipping_) {
      ++long_lines_;
    } else if (!begun_.empty()) {
      use(begun_);
    }
    begun_.clear();
    skipping_ = false;
    piece.remove_prefix(end + 1);
  }
}

}  // namespace lrti::worker
