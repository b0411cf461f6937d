#include "data/reader_pool.h"

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
    auto best = idle_.end();
    const auto is_better = [&](const Reader& reader) {
      if (best == idle_.end()) return true;
      const bool reaches = reader.next_frame <= frame;
      const bool best_reaches = best->next_frame <= frame;
      return reaches && (!best_reaches || reader.next_frame > best->next_frame);
    };
    for (auto reader = idle_.begin(); reader != idle_.end(); ++reader) {
      if (reader->source == &source && is_better(*reader)) best = reader;
    }
    if (best != idle_.end()) {
      Reader taken = std::move(*best);
      idle_.erase(best);
      return taken;
    }
  }
  Reader opened;
  opened.source = &source;
  LRTI_ASSIGN_OR_RETURN(opened.video, source.Open());
  return opened;
}

void ReaderPool::Return(Reader reader) {
  std::list<Reader> closed;  // outlives the lock: closing a file takes time
  MutexLock lock(mutex_);
  idle_.push_front(std::move(reader));
  if (idle_.size() > idle_max_) closed.splice(closed.begin(), idle_, std::prev(idle_.end()));
}

size_t ReaderPool::idle() const {
  MutexLock lock(mutex_);
  return idle_.size();
}

}  // namespace lrti::data
