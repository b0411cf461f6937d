#include "common/hidden_state/client/pool_view.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

// What is copied before its CRC is taken: it is still in a near cache then.
constexpr size_t kBlockBytes = 64 << 10;

absl::Status CheckMemory(const char* name, const OpenFile& file, uint64_t bytes) {
  struct stat about {};
  if (!file.valid() || ::fstat(file.fd(), &about) != 0) {
    return DataLoss("the node's {} came without a descriptor", name);
  }
  const int seals = ::fcntl(file.fd(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) {
    return DataLoss("the node's {} is not sealed: it could be cut while it is read", name);
  }
  if (static_cast<uint64_t>(about.st_size) != bytes) {
    return DataLoss("the node's {} has {} bytes, not the {} it names", name, about.st_size, bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<const std::byte*> MapReadOnly(const OpenFile& file, uint64_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (memory == MAP_FAILED) {
    return Error(absl::StatusCode::kResourceExhausted, "mapping {} bytes of the node's memory: {}",
                 bytes, std::strerror(errno));
  }
  return static_cast<const std::byte*>(memory);
}

void Unmap(const void* memory, size_t bytes) {
  if (bytes > 0) ::munmap(const_cast<void*>(memory), bytes);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const PoolView>> PoolView::Map(const OpenFile& pool,
                                                              const OpenFile& directory,
                                                              const wire::Pool& sizes) {
  LRTI_RETURN_IF_ERROR(CheckMemory("pool", pool, sizes.pool_bytes));
  LRTI_RETURN_IF_ERROR(CheckMemory("directory", directory, sizes.directory_bytes));
  struct stat about {};
  LRTI_CHECK(::fstat(pool.fd(), &about) == 0);

  std::shared_ptr<PoolView> view(new PoolView);
  view->inode_ = about.st_ino;
  LRTI_ASSIGN_OR_RETURN(const std::byte* bytes, MapReadOnly(pool, sizes.pool_bytes));
  view->pool_ = {bytes, sizes.pool_bytes};
  LRTI_ASSIGN_OR_RETURN(const std::byte* entries, MapReadOnly(directory, sizes.directory_bytes));
  static_assert(std::atomic<uint64_t>::is_always_lock_free);
  view->directory_ = {reinterpret_cast<const std::atomic<uint64_t>*>(entries),
                      sizes.directory_bytes / sizeof(uint64_t)};
  return std::shared_ptr<const PoolView>(std::move(view));
}

PoolView::~PoolView() {
  Unmap(pool_.data(), pool_.size_bytes());
  Unmap(directory_.data(), directory_.size_bytes());
}

bool PoolView::Holds(const wire::Placed& placed) const {
  return placed.offset % wire::kPageBytes == 0 && placed.offset < pool_.size() &&
         placed.item.bytes <= pool_.size() - placed.offset;
}

std::span<const std::byte> PoolView::BytesOf(const wire::Placed& placed) const {
  return pool_.subspan(placed.offset, placed.item.bytes);
}

bool PoolView::IsServed(const wire::Placed& placed) const {
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::atomic<uint64_t>& entry = directory_[placed.offset / wire::kPageBytes];
  return entry.load(std::memory_order_relaxed) == placed.generation;
}

Fate PoolView::CopyOut(const wire::Placed& placed, std::span<std::byte> room,
                       const Deadline& deadline) const {
  const std::span<const std::byte> bytes = BytesOf(placed);
  bool sound = true;
  for (size_t chunk = 0; chunk < placed.crcs.size(); ++chunk) {
    if (deadline.Passed()) return Fate::kTimeout;
    const size_t begin = chunk * wire::kChunkBytes;
    const size_t end = std::min<size_t>(bytes.size(), begin + wire::kChunkBytes);
    uint32_t crc = 0;
    for (size_t at = begin; at < end; at += kBlockBytes) {
      const size_t size = std::min(kBlockBytes, end - at);
      std::memcpy(room.data() + at, bytes.data() + at, size);
      crc = Crc32c(room.subspan(at, size), crc);
    }
    sound = sound && crc == placed.crcs[chunk];
  }
  if (!IsServed(placed)) return Fate::kMiss;
  return sound ? Fate::kOk : Fate::kCorrupt;
}

absl::StatusOr<std::shared_ptr<const PoolView>> SharedPoolView::Attach(const OpenFile& pool,
                                                                       const OpenFile& directory,
                                                                       const wire::Pool& sizes) {
  MutexLock lock(mutex_);
  struct stat about {};
  std::shared_ptr<const PoolView> view = view_.lock();
  if (view != nullptr && pool.valid() && ::fstat(pool.fd(), &about) == 0 &&
      about.st_ino == view->inode()) {
    return view;
  }
  LRTI_ASSIGN_OR_RETURN(view, PoolView::Map(pool, directory, sizes));
  view_ = view;
  return view;
}

}  // namespace lrti::hidden_state::client
