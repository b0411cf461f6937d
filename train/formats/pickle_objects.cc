#include "train/formats/pickle_objects.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "common/base/status.h"
#include "train/formats/byte_reader.h"
#include "train/formats/shown.h"
#include "train/formats/view.h"

namespace lrti::formats {
namespace {

constexpr size_t kKeyBytesMax = 256;

constexpr std::array<std::tuple<std::string_view, std::string_view, Callable>, 8> kKnown = {{
    {"collections", "OrderedDict", Callable::kOrderedDict},
    {"torch._utils", "_rebuild_tensor_v2", Callable::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", Callable::kRebuildParameter},
    {"torch", "Size", Callable::kSize},
    {"_codecs", "encode", Callable::kEncode},
    {"numpy", "dtype", Callable::kNumpyDtype},
    {"numpy.core.multiarray", "scalar", Callable::kNumpyScalar},
    {"numpy._core.multiarray", "scalar", Callable::kNumpyScalar},
}};

// UTF-8 to the bytes that Latin-1 has for it.
bool ToLatin1(std::string_view text, std::string& bytes) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      bytes += text[i];
    } else if (lead <= 0xc3 && i + 1 < text.size()) {
      const auto low = static_cast<uint8_t>(text[++i]) & 0x3f;
      bytes += static_cast<char>((lead & 0x03) << 6 | low);
    } else {
      return false;
    }
  }
  return true;
}

template <typename Number>
bool Decode(std::string_view bytes, PickleValue& value) {
  Number number = 0;
  ByteReader reader(bytes);
  if (!reader.Read(number) || reader.left() != 0) return false;
  if constexpr (std::is_floating_point_v<Number>) {
    value = static_cast<double>(number);
  } else {
    value = static_cast<int64_t>(number);
  }
  return true;
}

// A number of numpy's type `code`, such as f8.
bool DecodeNumpy(std::string_view code, std::string_view bytes, PickleValue& value) {
  if (code == "f8") return Decode<double>(bytes, value);
  if (code == "f4") return Decode<float>(bytes, value);
  if (code == "i8") return Decode<int64_t>(bytes, value);
  if (code == "i4") return Decode<int32_t>(bytes, value);
  if (code == "i2") return Decode<int16_t>(bytes, value);
  if (code == "i1") return Decode<int8_t>(bytes, value);
  if (code == "u4") return Decode<uint32_t>(bytes, value);
  if (code == "u2") return Decode<uint16_t>(bytes, value);
  if (code == "u1" || code == "b1") return Decode<uint8_t>(bytes, value);
  return false;
}

}  // namespace

absl::StatusOr<Name> Resolve(std::string_view module, std::string_view name) {
  for (const auto& [known_module, known_name, callable] : kKnown) {
    if (module == known_module && name == known_name) return Name{callable};
  }
  if (module == "torch" && name.ends_with("Storage")) {
    if (const auto dtype = FromStorageName(name)) return Name{Callable::kStorage, *dtype};
    return DataLoss("elements of type 'torch.{}' are not known", Shown(name));
  }
  return InvalidArgument(
      "asks for code: '{}.{}'; nothing of it was run, only tensors and plain containers are read",
      Shown(module), Shown(name));
}

absl::StatusOr<ValueId> PickleObjects::Add(PickleValue value) {
  if (document_.values.size() >= limits_.values_max) {
    return DataLoss("more than {} values", limits_.values_max);
  }
  document_.values.push_back(std::move(value));
  return static_cast<ValueId>(document_.values.size() - 1);
}

absl::StatusOr<ValueId> PickleObjects::Apply(ValueId callable, ValueId arguments) {
  const auto* name = Get<Name>(callable);
  const auto* tuple = Get<Tuple>(arguments);
  if (name == nullptr || tuple == nullptr) return DataLoss("a call of what cannot be called");
  const std::vector<ValueId>& items = tuple->items;
  switch (name->callable) {
    case Callable::kOrderedDict:
      if (items.empty()) return Add(Dict());
      break;
    case Callable::kRebuildTensor:
      return Rebuild(*tuple);
    case Callable::kRebuildParameter:
      if (items.size() == 3 && Get<TensorRef>(items[0]) != nullptr) return items[0];
      break;
    case Callable::kSize:
      if (items.size() == 1 && Get<Tuple>(items[0]) != nullptr) return items[0];
      break;
    case Callable::kEncode:
      return Encode(*tuple);
    case Callable::kNumpyDtype:
      if (!items.empty() && Get<std::string>(items[0]) != nullptr) return items[0];
      break;
    case Callable::kNumpyScalar:
      return NumpyScalar(*tuple);
    case Callable::kStorage:
      break;
  }
  return DataLoss("{} arguments that do not fit what they are for", items.size());
}

absl::StatusOr<std::vector<int64_t>> PickleObjects::Sizes(ValueId id, std::string_view what) const {
  const auto* tuple = Get<Tuple>(id);
  if (tuple == nullptr) return DataLoss("a tensor's {} is not a tuple", what);
  if (tuple->items.size() > limits_.dimensions_max) {
    return DataLoss("a tensor of {} dimensions; {} are allowed", tuple->items.size(),
                    limits_.dimensions_max);
  }
  std::vector<int64_t> sizes;
  for (const ValueId item : tuple->items) {
    const auto* size = Get<int64_t>(item);
    if (size == nullptr) return DataLoss("a tensor's {} is not of integers", what);
    sizes.push_back(*size);
  }
  return sizes;
}

// Arguments: storage, offset, shape, strides, whether it needs a gradient, hooks, maybe metadata.
absl::StatusOr<ValueId> PickleObjects::Rebuild(const Tuple& arguments) {
  const std::vector<ValueId>& items = arguments.items;
  if (items.size() < 6 || items.size() > 7) {
    return DataLoss("a tensor made from {} arguments", items.size());
  }
  const auto* storage = Get<StorageRef>(items[0]);
  const auto* offset = Get<int64_t>(items[1]);
  if (storage == nullptr || offset == nullptr) return DataLoss("a tensor without a storage");
  TensorRef tensor{.storage = storage->storage, .offset = *offset, .shape = {}, .strides = {}};
  LRTI_ASSIGN_OR_RETURN(tensor.shape, Sizes(items[2], "shape"));
  LRTI_ASSIGN_OR_RETURN(tensor.strides, Sizes(items[3], "strides"));
  LRTI_RETURN_IF_ERROR(CheckView(tensor, document_.storages[tensor.storage]));
  return Add(std::move(tensor));
}

// Arguments: text, 'latin1'. How protocol 2 holds bytes.
absl::StatusOr<ValueId> PickleObjects::Encode(const Tuple& arguments) {
  const std::vector<ValueId>& items = arguments.items;
  const auto* text = items.size() == 2 ? Get<std::string>(items[0]) : nullptr;
  const auto* codec = items.size() == 2 ? Get<std::string>(items[1]) : nullptr;
  if (text == nullptr || codec == nullptr || *codec != "latin1") {
    return DataLoss("bytes that are not written as Latin-1 text");
  }
  if (text->size() > text_bytes_left_)
    return DataLoss("more bytes than the pickle itself may have");
  text_bytes_left_ -= text->size();
  Bytes bytes;
  if (!ToLatin1(*text, bytes.data)) return DataLoss("bytes that are not written as Latin-1 text");
  return Add(std::move(bytes));
}

// Arguments: dtype, bytes.
absl::StatusOr<ValueId> PickleObjects::NumpyScalar(const Tuple& arguments) {
  const std::vector<ValueId>& items = arguments.items;
  const auto* code = items.size() == 2 ? Get<std::string>(items[0]) : nullptr;
  const auto* bytes = items.size() == 2 ? Get<Bytes>(items[1]) : nullptr;
  PickleValue value;
  if (code == nullptr || bytes == nullptr || !DecodeNumpy(*code, bytes->data, value)) {
    return DataLoss("a numpy scalar that is no plain number");
  }
  return Add(std::move(value));
}

absl::StatusOr<ValueId> PickleObjects::FindStorage(ValueId id) {
  const auto* tuple = Get<Tuple>(id);
  if (tuple == nullptr || tuple->items.size() < 5)
    return DataLoss("a storage without its five facts");
  const auto* kind = Get<std::string>(tuple->items[0]);
  const auto* type = Get<Name>(tuple->items[1]);
  const auto* key = Get<std::string>(tuple->items[2]);
  const auto* device = Get<std::string>(tuple->items[3]);
  const auto* numel = Get<int64_t>(tuple->items[4]);
  if (kind == nullptr || *kind != "storage" || type == nullptr ||
      type->callable != Callable::kStorage || key == nullptr || device == nullptr ||
      numel == nullptr || *numel < 0 || key->size() > kKeyBytesMax ||
      device->size() > kKeyBytesMax) {
    return DataLoss("a storage that is not ('storage', type, key, device, number of elements)");
  }
  if (*numel > INT64_MAX / BytesOf(type->dtype)) {
    return DataLoss("storage '{}' of {} elements is larger than any memory", Shown(*key), *numel);
  }
  const auto place = static_cast<uint32_t>(document_.storages.size());
  const auto [entry, added] = storages_.emplace(*key, place);
  if (added) {
    document_.storages.push_back({*key, type->dtype, *numel, *device});
  } else if (const Storage& known = document_.storages[entry->second];
             known.dtype != type->dtype || known.numel != *numel) {
    return DataLoss("storage '{}' is {} {} in one place and {} {} in another", Shown(*key),
                    known.numel, StorageName(known.dtype), *numel, StorageName(type->dtype));
  }
  return Add(StorageRef{entry->second});
}

absl::Status PickleObjects::CheckState(ValueId object, ValueId state) const {
  if (Get<Dict>(object) != nullptr) return absl::OkStatus();
  const auto* facts = Get<Tuple>(state);
  if (Get<std::string>(object) == nullptr || facts == nullptr || facts->items.size() < 2) {
    return DataLoss("attributes of an object that has none");
  }
  const auto* order = Get<std::string>(facts->items[1]);
  if (order == nullptr || (*order != "<" && *order != "|")) {
    return DataLoss("numbers of numpy that are not little-endian");
  }
  return absl::OkStatus();
}

}  // namespace lrti::formats
