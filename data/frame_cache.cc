#include "data/frame_cache.h"

namespace lrti::data {
namespace {

int64_t BytesOf(const FramePair& pair) {
  return static_cast<int64_t>(pair.hr.pixels.size() + pair.lr.pixels.size());
}

}  // namespace

std::shared_ptr<const FramePair> FrameCache::Find(const Key& key) {
  MutexLock lock(mutex_);
  const auto place = places_.find(key);
  if (place == places_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->pair;
}

void FrameCache::Insert(const Key& key, std::shared_ptr<const FramePair> pair) {
  const int64_t size = BytesOf(*pair);
  if (size > bytes_max_) return;
  MutexLock lock(mutex_);
  if (places_.contains(key)) return;  // another thread was faster; both read the same file
  while (bytes_ + size > bytes_max_) DropOldest();
  entries_.push_front({key, std::move(pair)});
  places_[key] = entries_.begin();
  bytes_ += size;
}

int64_t FrameCache::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

void FrameCache::DropOldest() {
  bytes_ -= BytesOf(*entries_.back().pair);
  places_.erase(entries_.back().key);
  entries_.pop_back();
}

}  // namespace lrti::data
