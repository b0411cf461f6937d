#include "common/hidden_state/client/blob_pool.h"

#include <algorithm>

namespace lrti::hidden_state::client {

std::shared_ptr<Blob> BlobPool::Take(size_t bytes) {
  auto blob = std::make_unique<Blob>();
  blob->bytes = shelf_->Take(bytes);
  return {blob.release(), [shelf = shelf_](Blob* used) {
            shelf->Put(std::move(used->bytes));
            delete used;
          }};
}

// Of the same size alone: a vector that grows would write zeros first.
std::vector<std::byte> BlobPool::Shelf::Take(size_t bytes) {
  {
    MutexLock lock(mutex_);
    const auto same = [bytes](const auto& memory) { return memory.size() == bytes; };
    const auto found = std::find_if(kept_.rbegin(), kept_.rend(), same);
    if (found != kept_.rend()) {
      std::vector<std::byte> memory = std::move(*found);
      kept_.erase(std::next(found).base());
      kept_bytes_ -= bytes;
      return memory;
    }
  }
  return std::vector<std::byte>(bytes);
}

void BlobPool::Shelf::Put(std::vector<std::byte> memory) {
  std::vector<std::vector<std::byte>> dropped;  // freed outside the lock
  MutexLock lock(mutex_);
  if (memory.empty() || memory.size() > bytes_max_) {
    dropped.push_back(std::move(memory));
    return;
  }
  kept_bytes_ += memory.size();
  kept_.push_back(std::move(memory));
  while (kept_bytes_ > bytes_max_) {
    kept_bytes_ -= kept_.front().size();
    dropped.push_back(std::move(kept_.front()));
    kept_.erase(kept_.begin());
  }
}

uint64_t BlobPool::Shelf::kept_bytes() const {
  MutexLock lock(mutex_);
  return kept_bytes_;
}

}  // namespace lrti::hidden_state::client
