#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "data/video_source.h"

namespace lrti::data {

/// An open video and the frame it reads without seeking.
struct Reader {
  const VideoSource* source = nullptr;
  std::unique_ptr<Video> video;
  int64_t next_frame = 0;

  absl::StatusOr<Image> Read(int64_t number);
};

/// Keeps readers open between uses: one that stands just before the wanted frame saves decoding
/// everything since the last key frame. Thread-safe; a reader taken belongs to one thread.
///
/// Invariant: at most `idle_max` readers are kept; the longest unused are closed.
class ReaderPool {
 public:
  explicit ReaderPool(size_t idle_max) : idle_max_(idle_max) {}

  /// A reader of `source`, the nearest before `frame` if there is one, else a new one.
  absl::StatusOr<Reader> Take(const VideoSource& source, int64_t frame);

  /// Gives a reader back. One whose Read has failed is better dropped.
  void Return(Reader reader);

  size_t idle() const;

 private:
  using Readers = std::list<Reader>;

  /// The idle reader of `source` that reaches `frame` soonest; end() for none.
  Readers::iterator Nearest(const VideoSource& source, int64_t frame)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t idle_max_;
  mutable Mutex mutex_;
  Readers idle_ ABSL_GUARDED_BY(mutex_);  // latest use first
};

}  // namespace lrti::data
