#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/check.h"

namespace lrti::cache {

/// Hands out contiguous stretches of a buffer of fixed size, first in, first out.
///
/// A plain value: it knows offsets, the owner has the buffer.
class RingSpace {
 public:
  explicit RingSpace(uint64_t bytes) : bytes_(bytes) {}

  /// The offset of `size` free bytes in one piece; nothing where there are none.
  std::optional<uint64_t> Reserve(uint64_t size) {
    if (taken_.empty()) {
      if (size > bytes_) return std::nullopt;
      taken_.push_back({0, size});
      return 0;
    }
    const uint64_t begin = taken_.front().offset;
    const uint64_t end = taken_.back().offset + taken_.back().size;
    const bool wrapped = taken_.back().offset < begin;
    uint64_t offset = end;
    if (wrapped) {
      if (begin - end < size) return std::nullopt;
    } else if (bytes_ - end < size) {
      if (begin < size) return std::nullopt;
      offset = 0;
    }
    taken_.push_back({offset, size});
    return offset;
  }

  /// Gives back the stretch that was reserved first of those there are.
  void ReleaseFirst() {
    LRTI_CHECK(!taken_.empty());
    taken_.pop_front();
  }

 private:
  struct Stretch {
    uint64_t offset;
    uint64_t size;
  };
  uint64_t bytes_;
  std::deque<Stretch> taken_;
};

}  // namespace lrti::cache
