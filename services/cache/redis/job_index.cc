#include "services/cache/redis/job_index.h"

#include <charconv>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/manifest.h"

namespace lrti::cache {

std::string IndexName(uint64_t job) { return fmt::format("hs1:j:{:016x}", job); }

std::string GoneName(uint64_t job, uint64_t salt) {
  return fmt::format("hs1:gone:{:016x}:{:016x}", job, salt);
}

std::string FieldOf(const hidden_state::StateKey& key) {
  const std::string name = wire::ManifestName(key);
  const size_t begin = name.find('{') + 1;
  return name.substr(begin, name.find('}') - begin);
}

std::string ValueOf(const IndexEntry& entry) {
  return fmt::format("{}.{}:{}", entry.lineage, entry.step, entry.chunks);
}

absl::StatusOr<IndexEntry> ParseIndexValue(std::string_view value) {
  IndexEntry entry;
  const char* at = value.data();
  const char* const end = at + value.size();
  const auto take = [&](uint64_t& number, char behind) {
    const auto parsed = std::from_chars(at, end, number);
    at = parsed.ptr;
    if (parsed.ec != std::errc()) return false;
    return behind == '\0' ? at == end : at != end && *at++ == behind;
  };
  constexpr uint64_t kChunksMax = wire::ChunkCount(wire::kItemBytesMax, wire::kRedisChunkBytes);
  if (!take(entry.lineage, '.') || !take(entry.step, ':') || !take(entry.chunks, '\0') ||
      entry.chunks > kChunksMax) {
    return DataLoss("redis: an entry of a job's index cannot be read");
  }
  return entry;
}

std::vector<std::string> NamesOf(std::string_view field, const IndexEntry& entry) {
  std::vector<std::string> names = {fmt::format("hs1:{{{}}}:m", field)};
  for (uint64_t i = 0; i < entry.chunks; ++i) {
    names.push_back(fmt::format("hs1:{{{}}}:{}.{}:{}", field, entry.lineage, entry.step, i));
  }
  return names;
}

}  // namespace lrti::cache
