#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::wire {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// Appends little-endian numbers.
class Writer {
 public:
  template <typename Number>
  Writer& Add(Number number) {
    static_assert(std::is_arithmetic_v<Number> || std::is_enum_v<Number>);
    return AddBytes(std::as_bytes(std::span(&number, 1)));
  }

  Writer& AddBytes(ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }

  Writer& AddText(std::string_view text) { return AddBytes(std::as_bytes(std::span(text))); }

  /// Everything so far; the writer is empty then.
  Bytes Take() { return std::move(bytes_); }

  /// Everything so far with its CRC-32C behind it: what ends every meta and manifest.
  Bytes TakeSealed();

 private:
  Bytes bytes_;
};

/// Walks over bytes from front to end and never beyond. Once a number does not fit, it and all
/// after it read as zero and ok() stays false: check it before a value is used.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t left() const { return bytes_.size(); }

  template <typename Number>
  Number Take() {
    static_assert(std::is_arithmetic_v<Number>);
    Number number{};
    const ByteView bytes = TakeBytes(sizeof(Number));
    if (ok_) std::memcpy(&number, bytes.data(), sizeof(Number));
    return number;
  }

  /// The next `size` bytes, not copied; none where fewer are left.
  ByteView TakeBytes(uint64_t size) {
    if (!ok_ || bytes_.size() < size) {
      ok_ = false;
      return {};
    }
    const ByteView taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

 private:
  ByteView bytes_;
  bool ok_ = true;
};

/// What TakeSealed sealed, without its CRC.
/// Errors: DataLoss when it is too short or the CRC differs.
absl::StatusOr<ByteView> Unseal(ByteView sealed);

}  // namespace lrti::wire
