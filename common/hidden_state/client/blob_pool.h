#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/mutex.h"
#include "common/hidden_state/store.h"

namespace lrti::hidden_state::client {

/// Memory for states that are read and let go, again and again: fresh pages cost several times what
/// copying into them does. Thread-safe; blobs may outlive it.
class BlobPool {
 public:
  /// Keeps at most `bytes_max` of memory that nobody uses.
  explicit BlobPool(uint64_t bytes_max) : shelf_(std::make_shared<Shelf>(bytes_max)) {}

  /// A blob of `bytes` bytes, whatever they are. It comes back when the last pointer to it goes.
  std::shared_ptr<Blob> Take(size_t bytes);

  /// Of memory that is kept now.
  uint64_t kept_bytes() const { return shelf_->kept_bytes(); }

 private:
  class Shelf {
   public:
    explicit Shelf(uint64_t bytes_max) : bytes_max_(bytes_max) {}

    std::vector<std::byte> Take(size_t bytes);
    void Put(std::vector<std::byte> memory);
    uint64_t kept_bytes() const;

   private:
    const uint64_t bytes_max_;
    mutable Mutex mutex_;
    std::vector<std::vector<std::byte>> kept_ ABSL_GUARDED_BY(mutex_);  // the oldest first
    uint64_t kept_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  };

  std::shared_ptr<Shelf> shelf_;
};

}  // namespace lrti::hidden_state::client
