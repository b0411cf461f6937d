#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "common/base/random.h"
#include "common/hidden_state/store.h"

namespace lrti::cache {

inline constexpr hidden_state::Rule kAnyAge{.lineage = 1, .step = 1000, .staleness_steps_max = -1};

/// For tests: a key whose branch spreads states over nodes.
inline hidden_state::StateKey KeyOf(uint32_t branch, uint64_t job = 1) {
  return {.job = job, .model = 2, .video = 3, .crop = 4, .frame = 5, .branch = branch};
}

/// For tests: bytes that follow from key and version, so that any reader knows the right ones.
inline std::shared_ptr<const hidden_state::Blob> BlobOf(const hidden_state::StateKey& key,
                                                        uint64_t step, size_t bytes) {
  auto blob = std::make_shared<hidden_state::Blob>();
  blob->dtype = hidden_state::Dtype::kBf16;
  blob->shape = {static_cast<int64_t>(bytes / 2)};
  blob->bytes.resize(bytes / 2 * 2);
  Random random{key.job, key.branch, key.frame, step};
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= blob->bytes.size(); at += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(blob->bytes.data() + at, &word, sizeof word);
  }
  for (; at < blob->bytes.size(); ++at) blob->bytes[at] = static_cast<std::byte>(random.Next());
  return blob;
}

inline hidden_state::PutItem PutOf(const hidden_state::StateKey& key, uint64_t step, size_t bytes) {
  return {key, {1, step}, BlobOf(key, step, bytes)};
}

/// Whether a hit is what was put under the key at the version that it names.
inline bool IsRight(const hidden_state::GetResult& hit, const hidden_state::StateKey& key,
                    size_t bytes) {
  const auto wanted = BlobOf(key, hit.version.step, bytes);
  return hit.version.lineage == 1 && hit.blob->shape == wanted->shape &&
         hit.blob->dtype == wanted->dtype && hit.blob->bytes == wanted->bytes;
}

}  // namespace lrti::cache
