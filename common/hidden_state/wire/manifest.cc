#include "common/hidden_state/wire/manifest.h"

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/base/status.h"

namespace lrti::wire {
namespace {

constexpr uint32_t kManifestMagic = 0x314d5348;  // "HSM1"

uint64_t HalfName(const hidden_state::StateKey& key, std::string_view half) {
  Fingerprint name(half);
  name.Add(key.job).Add(key.model).Add(key.video).Add(key.crop).Add(key.augmentation);
  return name.Add(uint64_t{key.frame}).Add(uint64_t{key.branch}).value();
}

std::string Prefix(const hidden_state::StateKey& key) {
  return fmt::format("hs1:{{{:016x}{:016x}}}:", HalfName(key, "hs1.0"), HalfName(key, "hs1.1"));
}

}  // namespace

std::string ManifestName(const hidden_state::StateKey& key) { return Prefix(key) + "m"; }

std::string ChunkName(const hidden_state::StateKey& key, const hidden_state::Version& version,
                      uint64_t index) {
  return fmt::format("{}{}.{}:{}", Prefix(key), version.lineage, version.step, index);
}

Bytes EncodeManifest(const Manifest& manifest) {
  LRTI_CHECK(CheckItem(manifest.item).ok());
  LRTI_CHECK(manifest.crcs.size() == ChunkCount(manifest.item.bytes));
  Writer writer;
  writer.Add(kManifestMagic);
  AddItem(manifest.item, writer);
  writer.AddBytes(std::as_bytes(std::span(manifest.crcs)));
  Bytes bytes = writer.TakeSealed();
  LRTI_CHECK(bytes.size() <= kManifestBytesMax);
  return bytes;
}

absl::StatusOr<Manifest> DecodeManifest(ByteView bytes, const hidden_state::StateKey& key) {
  if (bytes.size() > kManifestBytesMax) {
    return DataLoss("manifest: {} bytes, beyond {}", bytes.size(), kManifestBytesMax);
  }
  const auto body = Unseal(bytes);
  if (!body.ok()) return Prefixed(body.status(), "manifest");
  Reader reader(*body);
  if (const auto magic = reader.Take<uint32_t>(); magic != kManifestMagic) {
    return DataLoss("manifest: magic {:#010x}, not {:#010x}", magic, kManifestMagic);
  }
  auto item = TakeItem(reader);
  if (!item.ok()) return Prefixed(item.status(), "manifest");
  if (!item->ok()) return DataLoss("manifest: {}", Message(item->status()));
  Manifest manifest{.item = **std::move(item)};
  const uint64_t crcs = ChunkCount(manifest.item.bytes);
  if (reader.left() != crcs * sizeof(uint32_t)) {
    return DataLoss("manifest: {} bytes for {} CRCs", reader.left(), crcs);
  }
  if (manifest.item.key != key) {
    return Error(absl::StatusCode::kNotFound, "manifest: of another state of the same name");
  }
  manifest.crcs.reserve(crcs);
  for (uint64_t i = 0; i < crcs; ++i) manifest.crcs.push_back(reader.Take<uint32_t>());
  return manifest;
}

}  // namespace lrti::wire
