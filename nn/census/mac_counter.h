#pragma once

#include <cstdint>

namespace lrti::nn {

/// Multiply-accumulates by the kind of layer that makes them.
struct Macs {
  int64_t convolution = 0;
  int64_t linear = 0;
  int64_t attention = 0;  // queries with keys, and weights with values
  int64_t product = 0;    // other products of matrices, as in a deformable convolution

  int64_t Total() const { return convolution + linear + attention + product; }

  Macs& operator+=(const Macs& other);
  Macs& operator-=(const Macs& other);
  bool operator==(const Macs&) const = default;
};

/// Counts what LibTorch's operations on this thread multiply and add up while it lives, from the
/// shapes that they are called with, on whatever device.
///
/// Convolutions, products of matrices and scaled_dot_product_attention count, an operation within
/// one of them does not. How blocks call them tells the kind: a linear layer is `mm`, `addmm` or
/// `linear`, attention `baddbmm`, any other product of a batch is `bmm`. Norms, sampling and other
/// work on single elements count nothing, as in the papers. A kernel of our own that multiplied
/// matrices by itself would not be seen; there is none. Errors: c10::Error where the thread counts
/// already.
class MacCounter {
 public:
  MacCounter();
  ~MacCounter();
  MacCounter(const MacCounter&) = delete;
  MacCounter& operator=(const MacCounter&) = delete;

  const Macs& macs() const { return macs_; }

 private:
  friend struct MacObserver;

  Macs macs_;
  int64_t depth_ = 0;  // of counted operations, one within the other
  uint64_t handle_;
};

}  // namespace lrti::nn
