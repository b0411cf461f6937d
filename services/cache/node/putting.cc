#include "services/cache/node/putting.h"

#include <utility>

#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::cache {

using wire::Outcome;

Putting::Putting(Engine& engine, const Engine::Lane& lane, uint64_t request,
                 std::vector<absl::StatusOr<wire::Item>> items)
    : engine_(engine), request_(request), items_(items.size()) {
  for (size_t i = 0; i < items.size(); ++i) {
    Item& item = items_[i];
    if (!items[i].ok()) {
      item.outcome = Outcome::kBadItem;
      continue;
    }
    Engine::Granted granted = engine.BeginPut(lane, *items[i]);
    item.outcome = granted.outcome;
    if (granted.outcome != Outcome::kOk) continue;
    item.granted = true;
    item.bytes = items[i]->bytes;
    item.put = std::move(granted.put);
    if (item.bytes == 0) {
      item.outcome = item.put.Commit();
    } else {
      ++open_;
    }
  }
}

std::vector<Outcome> Putting::Grants() const {
  std::vector<Outcome> grants;
  for (const Item& item : items_) grants.push_back(item.granted ? Outcome::kOk : item.outcome);
  return grants;
}

std::vector<Outcome> Putting::Outcomes() const {
  std::vector<Outcome> outcomes;
  for (const Item& item : items_) outcomes.push_back(item.outcome);
  return outcomes;
}

absl::StatusOr<std::optional<std::span<std::byte>>> Putting::Room(const wire::FrameHeader& header) {
  if (header.item >= items_.size()) {
    return DataLoss("PUT_DATA: item {} of {}", header.item, items_.size());
  }
  Item& item = items_[header.item];
  if (!item.granted) return std::nullopt;
  LRTI_RETURN_IF_ERROR(wire::CheckPlace(header, item.bytes));
  if (header.offset != item.next) {
    return DataLoss("PUT_DATA: item {} goes on at {}, where {} is next", header.item, header.offset,
                    item.next);
  }
  item.next += header.payload_bytes;
  if (item.outcome != Outcome::kOk) {  // a chunk before it was corrupt
    if (item.next == item.bytes) --open_;
    return std::nullopt;
  }
  return item.put.room().subspan(header.offset, header.payload_bytes);
}

void Putting::OnPayload(const wire::FrameHeader& header, uint32_t crc) {
  Item& item = items_.at(header.item);
  if (crc != header.payload_crc) {
    engine_.CountCorrupt();
    item.outcome = Outcome::kCorrupt;
    item.put = {};
  } else {
    item.put.SetCrc(header.offset / wire::kChunkBytes, header.payload_crc);
    if (item.next == item.bytes) item.outcome = item.put.Commit();
  }
  if (item.next == item.bytes) --open_;
}

}  // namespace lrti::cache
