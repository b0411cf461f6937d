#include "data/reader_pool.h"

#include <iterator>
#include <utility>

#include "common/base/status.h"

namespace lrti::data {

absl::StatusOr<Image> Reader::Read(int64_t number) {
  next_frame = number + 1;
  return video->Read(number);
}

absl::StatusOr<Reader> ReaderPool::Take(const VideoSource& source, int64_t frame) {
  {
    MutexLock lock(mutex_);
    const auto nearest = Nearest(source, frame);
    if (nearest != idle_.end()) {
      Reader taken = std::move(*nearest);
      idle_.erase(nearest);
      return taken;
    }
  }
  Reader opened;
  opened.source = &source;
  LRTI_ASSIGN_OR_RETURN(opened.video, source.Open());
  return opened;
}

ReaderPool::Readers::iterator ReaderPool::Nearest(const VideoSource& source, int64_t frame) {
  auto best = idle_.end();
  for (auto reader = idle_.begin(); reader != idle_.end(); ++reader) {
    if (reader->source != &source) continue;
    // One that stands beyond the frame must seek: better than opening anew, worse than any other.
    const bool reaches = reader->next_frame <= frame;
    const bool best_reaches = best != idle_.end() && best->next_frame <= frame;
    const bool is_nearer = !best_reaches || reader->next_frame > best->next_frame;
    if (best == idle_.end() || (reaches && is_nearer)) best = reader;
  }
  return best;
}

void ReaderPool::Return(Reader reader) {
  Readers closed;  // outlives the lock: closing a file takes time
  MutexLock lock(mutex_);
  idle_.push_front(std::move(reader));
  if (idle_.size() > idle_max_) closed.splice(closed.begin(), idle_, std::prev(idle_.end()));
}

size_t ReaderPool::idle() const {
  MutexLock lock(mutex_);
  return idle_.size();
}

}  // namespace lrti::data
