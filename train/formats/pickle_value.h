#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "train/formats/dtype.h"

namespace lrti::formats {

/// Place of a value in PickleDocument::values.
using ValueId = uint32_t;

struct None {};

struct Bytes {
  std::string data;
};

struct List {
  std::vector<ValueId> items;
};

struct Tuple {
  std::vector<ValueId> items;
};

/// A dict or an OrderedDict: keys and values as they were written. Where a key occurs twice, the
/// last one counts.
struct Dict {
  std::vector<std::pair<ValueId, ValueId>> items;
};

/// Elements that lie outside the pickle, under `key`.
struct Storage {
  std::string key;
  Dtype dtype = Dtype::kFloat;
  int64_t numel = 0;
  std::string device;  // where they were when they were saved, such as cuda:0
};

/// A storage by its place in PickleDocument::storages.
struct StorageRef {
  uint32_t storage = 0;
};

/// A view of a storage. It lies inside the storage and has no more elements than it; sizes and
/// strides are not negative, and there are as many of one as of the other.
struct TensorRef {
  uint32_t storage = 0;
  int64_t offset = 0;  // in elements
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // in elements
};

/// What a pickle may name. `kStorage` comes with a dtype.
enum class Callable : uint8_t {
  kOrderedDict,
  kRebuildTensor,
  kRebuildParameter,
  kStorage,
  kSize,
  kEncode,
  kNumpyDtype,
  kNumpyScalar
};

/// An accepted name that stands for itself; nothing happens with it.
struct Name {
  Callable callable = Callable::kOrderedDict;
  Dtype dtype = Dtype::kFloat;
};

/// Plain data and nothing else.
using PickleValue = std::variant<None, bool, int64_t, double, std::string, Bytes, List, Tuple, Dict,
                                 StorageRef, TensorRef, Name>;

/// What a pickle holds. Values refer to each other by number, so that shared and even circular
/// ones cost nothing, and no depth of nesting costs stack. All numbers are valid.
struct PickleDocument {
  std::vector<PickleValue> values;
  std::vector<Storage> storages;
  ValueId root = 0;
  size_t bytes = 0;  // of the pickle, with its last opcode

  const PickleValue& operator[](ValueId id) const { return values[id]; }

  /// The value under a text in a dict; null where there is none.
  const PickleValue* Find(const Dict& dict, std::string_view key) const;
};

}  // namespace lrti::formats
