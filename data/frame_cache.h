#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>

#include "common/base/mutex.h"
#include "data/video.h"

namespace lrti::data {

/// One frame in both sizes.
struct FramePair {
  Image hr;
  Image lr;
};

/// Decoded frames, the least recently used dropped first. Thread-safe.
///
/// Invariant: the pixels kept are at most `bytes_max`; a pair that is too large is not kept.
class FrameCache {
 public:
  using Key = std::pair<int64_t, int64_t>;  // clip, frame

  explicit FrameCache(int64_t bytes_max) : bytes_max_(bytes_max) {}

  /// nullptr when the frame is not here.
  std::shared_ptr<const FramePair> Find(const Key& key);

  void Insert(const Key& key, std::shared_ptr<const FramePair> pair);

  int64_t bytes() const;

 private:
  struct Entry {
    Key key;
    std::shared_ptr<const FramePair> pair;
  };
  using Entries = std::list<Entry>;

  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t bytes_max_;
  mutable Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);  // newest first
  std::map<Key, Entries::iterator> places_ ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lrti::data
