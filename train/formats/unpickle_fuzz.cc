#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "train/formats/unpickle.h"
#include "train/formats/utf8.h"
#include "train/formats/view.h"

namespace lrti::formats {
namespace {

// Holds every value to what pickle_value.h promises.
struct Promise {
  const PickleDocument& document;

  void Holds(ValueId id) const { LRTI_CHECK(id < document.values.size()); }
  void Hold(const std::vector<ValueId>& items) const {
    for (const ValueId item : items) Holds(item);
  }

  void operator()(const List& list) const { Hold(list.items); }
  void operator()(const Tuple& tuple) const { Hold(tuple.items); }
  void operator()(const Dict& dict) const {
    for (const auto& [key, value] : dict.items) {
      Holds(key);
      Holds(value);
    }
  }
  void operator()(const std::string& text) const { LRTI_CHECK(IsUtf8(text)); }
  void operator()(const StorageRef& ref) const {
    LRTI_CHECK(ref.storage < document.storages.size());
  }
  void operator()(const TensorRef& tensor) const {
    LRTI_CHECK(tensor.storage < document.storages.size());
    LRTI_CHECK(CheckView(tensor, document.storages[tensor.storage]).ok());
  }
  template <typename Plain>
  void operator()(const Plain&) const {}
};

}  // namespace
}  // namespace lrti::formats

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lrti::formats;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto document = Unpickle(bytes, {.values_max = 10'000});
  if (!document.ok()) return 0;
  const Promise promise{*document};
  promise.Holds(document->root);
  LRTI_CHECK(document->bytes <= size);
  for (const PickleValue& value : document->values) std::visit(promise, value);
  return 0;
}
