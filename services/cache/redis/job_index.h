#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/key.h"

namespace lrti::cache {

/// One hash a job in Redis: which states of it are there. A field is 128 bits of a state's key, its
/// value says which version and how many chunks. A state is found only while its field is there, so
/// that a whole job is forgotten by one command, whatever becomes of its chunks.
struct IndexEntry {
  uint64_t lineage = 0;
  uint64_t step = 0;
  uint64_t chunks = 0;

  bool operator==(const IndexEntry&) const = default;
};

/// `hs1:j:<job>`.
std::string IndexName(uint64_t job);

/// What the index is renamed to while what it names is deleted; `salt` is drawn for each time.
std::string GoneName(uint64_t job, uint64_t salt);

/// The hexadecimal digits between the braces of wire::ManifestName.
std::string FieldOf(const hidden_state::StateKey& key);

/// `<lineage>.<step>:<chunks>`.
std::string ValueOf(const IndexEntry& entry);
/// Errors: DataLoss.
absl::StatusOr<IndexEntry> ParseIndexValue(std::string_view value);

/// The names of a state's manifest and chunks.
std::vector<std::string> NamesOf(std::string_view field, const IndexEntry& entry);

}  // namespace lrti::cache
