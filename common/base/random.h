#pragma once

#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/hash.h"

namespace lrti {

/// A small random stream named by a list of numbers, such as {seed, epoch, index}: the same name
/// gives the same numbers on every machine and library, so nothing of it needs saving.
/// SplitMix64, Steele et al., OOPSLA 2014. Not for cryptography.
class Random {
 public:
  Random(std::initializer_list<uint64_t> name) {
    for (uint64_t part : name) state_ = MixBits(state_ ^ MixBits(part + kStep));
  }

  uint64_t Next() { return MixBits(state_ += kStep); }

  /// Uniform in [0, bound), without bias. REQUIRES: bound > 0.
  int64_t Below(int64_t bound) {
    LRTI_CHECK(bound > 0);
    const auto range = static_cast<uint64_t>(bound);
    const uint64_t excess = (0 - range) % range;  // 2^64 mod range
    uint64_t draw = Next();
    while (draw < excess) draw = Next();
    return static_cast<int64_t>(draw % range);
  }

  bool Coin() { return (Next() >> 63) != 0; }

  /// The numbers 0 .. count-1 in random order (Fisher-Yates).
  std::vector<int64_t> Permutation(int64_t count) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), int64_t{0});
    for (int64_t i = count - 1; i > 0; --i) {
      std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(Below(i + 1))]);
    }
    return order;
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

  uint64_t state_ = 0;
};

}  // namespace lrti
