#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/wire/frame.h"
#include "common/hidden_state/wire/item.h"
#include "services/cache/node/engine.h"

namespace lrti::cache {

/// One put of a lane, from PUT_BEGIN to PUT_DONE, without its socket. Items may come in any order
/// and mixed; the chunks of each come from front to back. Its slots go back when it is destroyed.
class Putting {
 public:
  /// Asks the engine for room for each item, and stores those without bytes.
  Putting(Engine& engine, const Engine::Lane& lane, uint64_t request,
          std::vector<absl::StatusOr<wire::Item>> items);

  uint64_t request() const { return request_; }

  /// Of each item, in order: kOk for those to be sent.
  std::vector<wire::Outcome> Grants() const;

  /// Where a chunk's payload goes; nothing for one that is not wanted (any more).
  /// Errors: DataLoss for a chunk out of its place; the lane is then of no more use.
  absl::StatusOr<std::optional<std::span<std::byte>>> Room(const wire::FrameHeader& header);

  /// The payload of a chunk that had room has come; `crc` is what came, by Crc32c. Stores
  /// the item when it was the last.
  void OnPayload(const wire::FrameHeader& header, uint32_t crc);

  /// Whether all bytes of all items that were granted have come; then, what became of each.
  bool done() const { return open_ == 0; }
  std::vector<wire::Outcome> Outcomes() const;

 private:
  struct Item {
    bool granted = false;
    wire::Outcome outcome = wire::Outcome::kOk;
    uint64_t next = 0;  // offset of the chunk to come
    uint64_t bytes = 0;
    Engine::Put put;
  };

  Engine& engine_;
  const uint64_t request_;
  std::vector<Item> items_;
  size_t open_ = 0;  // items with bytes to come
};

}  // namespace lrti::cache
