#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "train/formats/pickle_value.h"
#include "train/formats/unpickle.h"

namespace lrti::formats {

/// The meaning of `module.name`. Errors: InvalidArgument for what is not on the list; DataLoss for
/// a storage of elements that are not known.
absl::StatusOr<Name> Resolve(std::string_view module, std::string_view name);

/// Puts values into a document and holds them to the limits. Refers to both.
class PickleObjects {
 public:
  PickleObjects(PickleDocument& document, const UnpickleLimits& limits)
      : document_(document), limits_(limits), text_bytes_left_(limits.bytes_max) {}

  /// Errors: DataLoss when there are too many.
  absl::StatusOr<ValueId> Add(PickleValue value);

  /// What a call of `callable` with the tuple `arguments` would give; nothing is called.
  /// Errors: DataLoss for what does not fit.
  absl::StatusOr<ValueId> Apply(ValueId callable, ValueId arguments);

  /// The storage that the tuple ('storage', type, key, device, numel) names; one key, one storage.
  /// Errors: DataLoss.
  absl::StatusOr<ValueId> FindStorage(ValueId id);

  /// Checks what `object.__setstate__(state)` would set and leaves it out: attributes of an
  /// OrderedDict, the byte order of a numpy dtype. Errors: DataLoss for any other object.
  absl::Status CheckState(ValueId object, ValueId state) const;

 private:
  template <typename T>
  const T* Get(ValueId id) const {
    return std::get_if<T>(&document_.values[id]);
  }
  absl::StatusOr<ValueId> Rebuild(const Tuple& arguments);
  absl::StatusOr<ValueId> Encode(const Tuple& arguments);
  absl::StatusOr<ValueId> NumpyScalar(const Tuple& arguments);

  /// Sizes or strides; a message where they are none.
  absl::StatusOr<std::vector<int64_t>> Sizes(ValueId id, std::string_view what) const;

  PickleDocument& document_;
  const UnpickleLimits& limits_;
  size_t text_bytes_left_;  // of texts that a pickle makes from others
  std::map<std::string, uint32_t> storages_;
};

}  // namespace lrti::formats
