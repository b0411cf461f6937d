#include "common/hidden_state/wire/item.h"

#include <limits>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/blob.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::wire {
namespace {

using hidden_state::kDimensionsMax;

constexpr uint8_t kRowMajor = 0;  // the one layout so far
constexpr uint8_t kNotFinite = 1;

// The product, or nothing beyond kItemBytesMax.
absl::StatusOr<uint64_t> BytesOf(const Item& item) {
  uint64_t bytes = codec::BytesPerValue(item.encoding);
  bool empty = false;
  for (const int64_t size : item.shape) {
    if (size < 0) return InvalidArgument("shape holds {}, which is no size", size);
    empty = empty || size == 0;
    if (!empty && (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes) ||
                   bytes > kItemBytesMax)) {
      return InvalidArgument("shape is that of more than {} bytes", kItemBytesMax);
    }
  }
  return empty ? 0 : bytes;
}

absl::Status CheckScales(const Item& item) {
  const bool scaled = item.encoding == codec::Encoding::kInt8 && item.bytes > 0;
  const uint64_t wanted = scaled ? hidden_state::PlanesOf(item.shape) : 0;
  if (item.scales.size() != wanted) {
    return InvalidArgument("{} scales, where encoding and shape need {}", item.scales.size(),
                           wanted);
  }
  if (wanted > kScalesMax) return InvalidArgument("{} scales, beyond {}", wanted, kScalesMax);
  for (size_t i = 0; i < item.scales.size(); ++i) {
    if (!codec::IsScale(item.scales[i])) {
      return InvalidArgument("scale {} is {}", i, item.scales[i]);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckItem(const Item& item) {
  if (static_cast<uint8_t>(item.encoding) >= codec::kEncodings) {
    return InvalidArgument("encoding {} is not known", static_cast<uint8_t>(item.encoding));
  }
  if (item.shape.size() > kDimensionsMax) {
    return InvalidArgument("{} dimensions, beyond {}", item.shape.size(), kDimensionsMax);
  }
  LRTI_ASSIGN_OR_RETURN(const uint64_t bytes, BytesOf(item));
  if (item.bytes != bytes) {
    return InvalidArgument("size is {}, where shape and encoding need {}", item.bytes, bytes);
  }
  if (!(item.error_max >= 0 && item.error_max <= std::numeric_limits<float>::max())) {
    return InvalidArgument("largest error is {}", item.error_max);
  }
  return CheckScales(item);
}

void AddKey(const hidden_state::StateKey& key, Writer& writer) {
  writer.Add(key.job).Add(key.model).Add(key.video).Add(key.crop).Add(key.augmentation);
  writer.Add(key.frame).Add(key.branch);
}

void AddVersion(const hidden_state::Version& version, Writer& writer) {
  writer.Add(version.lineage).Add(version.step);
}

size_t EncodedBytes(const Item& item) {
  return kItemHeaderBytes + item.shape.size() * sizeof(int64_t) +
         item.scales.size() * sizeof(float);
}

void AddItem(const Item& item, Writer& writer) {
  LRTI_CHECK(item.shape.size() <= kDimensionsMax && item.scales.size() <= kScalesMax);
  AddKey(item.key, writer);
  AddVersion(item.version, writer);
  writer.Add(item.bytes).Add(item.encoding).Add(static_cast<uint8_t>(item.shape.size()));
  writer.Add(kRowMajor).Add(item.not_finite ? kNotFinite : uint8_t{0});
  writer.Add(static_cast<uint32_t>(item.scales.size())).Add(item.error_max).Add(uint32_t{0});
  writer.AddBytes(std::as_bytes(std::span(item.shape)));
  writer.AddBytes(std::as_bytes(std::span(item.scales)));
}

hidden_state::StateKey TakeKey(Reader& reader) {
  hidden_state::StateKey key;
  key.job = reader.Take<uint64_t>();
  key.model = reader.Take<uint64_t>();
  key.video = reader.Take<uint64_t>();
  key.crop = reader.Take<uint64_t>();
  key.augmentation = reader.Take<uint64_t>();
  key.frame = reader.Take<uint32_t>();
  key.branch = reader.Take<uint32_t>();
  return key;
}

hidden_state::Version TakeVersion(Reader& reader) {
  hidden_state::Version version;
  version.lineage = reader.Take<uint64_t>();
  version.step = reader.Take<uint64_t>();
  return version;
}

absl::StatusOr<absl::StatusOr<Item>> TakeItem(Reader& reader) {
  Item item;
  item.key = TakeKey(reader);
  item.version = TakeVersion(reader);
  item.bytes = reader.Take<uint64_t>();
  item.encoding = static_cast<codec::Encoding>(reader.Take<uint8_t>());
  const auto dimensions = reader.Take<uint8_t>();
  const auto layout = reader.Take<uint8_t>();
  const auto flags = reader.Take<uint8_t>();
  const auto scales = reader.Take<uint32_t>();
  item.error_max = reader.Take<float>();
  const auto reserved = reader.Take<uint32_t>();
  if (!reader.ok()) return DataLoss("item: cut in its header");
  if (layout != kRowMajor) return DataLoss("item: layout {} is not known", layout);
  if (flags > kNotFinite) return DataLoss("item: flags {:#x} are not known", flags);
  if (reserved != 0) return DataLoss("item: reserved bytes are {:#x}, not zero", reserved);
  if (dimensions > kDimensionsMax) {
    return DataLoss("item: {} dimensions, beyond {}", dimensions, kDimensionsMax);
  }
  if (scales > kScalesMax) return DataLoss("item: {} scales, beyond {}", scales, kScalesMax);
  item.not_finite = flags == kNotFinite;

  const ByteView shape_bytes = reader.TakeBytes(dimensions * sizeof(int64_t));
  const ByteView scale_bytes = reader.TakeBytes(uint64_t{scales} * sizeof(float));
  if (!reader.ok()) return DataLoss("item: cut in its shape or scales");
  item.shape.resize(dimensions);
  item.scales.resize(scales);
  if (dimensions > 0) std::memcpy(item.shape.data(), shape_bytes.data(), shape_bytes.size());
  if (scales > 0) std::memcpy(item.scales.data(), scale_bytes.data(), scale_bytes.size());
  if (absl::Status status = CheckItem(item); !status.ok()) {
    return absl::StatusOr<Item>(Prefixed(status, "item"));
  }
  return absl::StatusOr<Item>(std::move(item));
}

}  // namespace lrti::wire
