#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lrti::formats {

/// Element types that files of weights hold.
enum class Dtype : uint8_t {
  kDouble,
  kFloat,
  kHalf,
  kBFloat16,
  kLong,
  kInt,
  kShort,
  kChar,
  kByte,
  kBool
};

/// Size of an element.
int64_t BytesOf(Dtype dtype);

/// The word of the safetensors format, such as BF16.
std::string_view SafetensorsName(Dtype dtype);
std::optional<Dtype> FromSafetensorsName(std::string_view name);

/// The class in Python's `torch` that holds such elements, such as BFloat16Storage.
std::string_view StorageName(Dtype dtype);
std::optional<Dtype> FromStorageName(std::string_view name);

}  // namespace lrti::formats
