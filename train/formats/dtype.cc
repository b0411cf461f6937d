#include "train/formats/dtype.h"

#include <array>

namespace lrti::formats {
namespace {

struct Names {
  std::string_view safetensors;
  std::string_view storage;
  int64_t bytes;
};

// In the order of the enumerators.
constexpr std::array<Names, 10> kNames = {{
    {"F64", "DoubleStorage", 8},
    {"F32", "FloatStorage", 4},
    {"F16", "HalfStorage", 2},
    {"BF16", "BFloat16Storage", 2},
    {"I64", "LongStorage", 8},
    {"I32", "IntStorage", 4},
    {"I16", "ShortStorage", 2},
    {"I8", "CharStorage", 1},
    {"U8", "ByteStorage", 1},
    {"BOOL", "BoolStorage", 1},
}};
static_assert(static_cast<size_t>(Dtype::kBool) + 1 == kNames.size());

const Names& Of(Dtype dtype) { return kNames[static_cast<size_t>(dtype)]; }

std::optional<Dtype> Find(std::string_view name, std::string_view Names::*member) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i].*member == name) return static_cast<Dtype>(i);
  }
  return std::nullopt;
}

}  // namespace

int64_t BytesOf(Dtype dtype) { return Of(dtype).bytes; }

std::string_view SafetensorsName(Dtype dtype) { return Of(dtype).safetensors; }
std::optional<Dtype> FromSafetensorsName(std::string_view name) {
  return Find(name, &Names::safetensors);
}

std::string_view StorageName(Dtype dtype) { return Of(dtype).storage; }
std::optional<Dtype> FromStorageName(std::string_view name) { return Find(name, &Names::storage); }

}  // namespace lrti::formats
