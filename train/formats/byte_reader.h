#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace lrti::formats {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

/// Walks over bytes from front to end and never beyond.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  /// A little-endian number; false, and nothing changes, where too few bytes are left.
  template <typename Number>
  [[nodiscard]] bool Read(Number& number) {
    static_assert(std::is_arithmetic_v<Number>);
    if (left() < sizeof(Number)) return false;
    std::memcpy(&number, bytes_.data() + position_, sizeof(Number));
    position_ += sizeof(Number);
    return true;
  }

  /// The next `size` bytes, not copied.
  [[nodiscard]] bool ReadBytes(uint64_t size, std::string_view& bytes) {
    if (left() < size) return false;
    bytes = bytes_.substr(position_, size);
    position_ += size;
    return true;
  }

  /// The bytes up to the next newline, which is passed over.
  [[nodiscard]] bool ReadLine(std::string_view& line) {
    const size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) return false;
    line = bytes_.substr(position_, end - position_);
    position_ = end + 1;
    return true;
  }

 private:
  std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace lrti::formats
