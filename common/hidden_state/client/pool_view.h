#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/base/open_file.h"
#include "common/hidden_state/client/deadline.h"
#include "common/hidden_state/client/fate.h"
#include "common/hidden_state/wire/meta.h"

namespace lrti::hidden_state::client {

/// The memory of a node on this host, to be read only. It stays as it is when the node ends; while
/// the node lives, it may write anywhere at any time: bytes count only once the directory says,
/// after they were read, that their state is still served.
class PoolView {
 public:
  /// Maps what a node sent. Errors: DataLoss when a descriptor is no memory of the said size that
  /// is sealed against shrinking, growing and later writers; ResourceExhausted when it cannot be
  /// mapped.
  static absl::StatusOr<std::shared_ptr<const PoolView>> Map(const OpenFile& pool,
                                                             const OpenFile& directory,
                                                             const wire::Pool& sizes);
  ~PoolView();
  PoolView(const PoolView&) = delete;
  PoolView& operator=(const PoolView&) = delete;

  /// Whether a place lies within the pool. All below REQUIRE it.
  bool Holds(const wire::Placed& placed) const;

  std::span<const std::byte> BytesOf(const wire::Placed& placed) const;

  /// Whether what was read there before this call is the state that was placed there.
  bool IsServed(const wire::Placed& placed) const;

  /// Copies a state out and holds it to the directory and its CRCs: kOk, kMiss, kCorrupt or
  /// kTimeout. REQUIRES: room.size() == placed.item.bytes.
  Fate CopyOut(const wire::Placed& placed, std::span<std::byte> room,
               const Deadline& deadline) const;

  /// What tells the memories of nodes apart while one of them is mapped.
  ino_t inode() const { return inode_; }

 private:
  PoolView() = default;

  std::span<const std::byte> pool_;
  std::span<const std::atomic<uint64_t>> directory_;
  ino_t inode_ = 0;
};

/// The view that all lanes to one node share. Thread-safe.
class SharedPoolView {
 public:
  /// The view of this memory: the one that is there, or a new one in its place.
  absl::StatusOr<std::shared_ptr<const PoolView>> Attach(const OpenFile& pool,
                                                         const OpenFile& directory,
                                                         const wire::Pool& sizes);

 private:
  Mutex mutex_;
  std::weak_ptr<const PoolView> view_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::hidden_state::client
