#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lrti::bench {

/// Memory that is used piece by piece, round and round: larger than the last cache, so that no
/// piece is still there when its turn comes again. All of it is touched first.
class Ring {
 public:
  explicit Ring(size_t bytes, uint8_t fill) : bytes_(bytes, static_cast<std::byte>(fill)) {}

  /// The next `bytes` bytes. REQUIRES: no more than it has.
  std::span<std::byte> Next(size_t bytes) {
    if (at_ + bytes > bytes_.size()) at_ = 0;
    const std::span<std::byte> piece(bytes_.data() + at_, bytes);
    at_ += (bytes + 4095) / 4096 * 4096;
    return piece;
  }

 private:
  std::vector<std::byte> bytes_;
  size_t at_ = 0;
};

}  // namespace lrti::bench
