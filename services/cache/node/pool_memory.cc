#include "services/cache/node/pool_memory.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::cache {
namespace {

using Entry = std::atomic<uint64_t>;
static_assert(sizeof(Entry) == sizeof(uint64_t) && Entry::is_always_lock_free,
              "the directory is shared with other processes");

constexpr uint64_t kKernelTextBytesMax = 64 << 10;

absl::Status Failed(int error, const char* name, uint64_t bytes, const char* doing) {
  const bool room = error == ENOMEM || error == ENOSPC || error == EMFILE || error == ENFILE;
  return Error(room ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
               "{} of {} bytes: {}: {}{}", name, bytes, doing, std::strerror(error),
               room ? "; make the pool smaller" : "");
}

// The number behind `label` in a file of the kernel's; nothing where there is none.
std::optional<uint64_t> NumberIn(const std::string& path, std::string_view label) {
  const auto text = ReadFile(path, kKernelTextBytesMax);
  if (!text.ok()) return std::nullopt;
  const size_t at = text->find(label);
  uint64_t number = 0;
  if (at == std::string::npos) return std::nullopt;
  const char* const begin = text->data() + at + label.size();
  const char* const digits =
      std::find_if(begin, text->data() + text->size(), [](char byte) { return byte != ' '; });
  const auto parsed = std::from_chars(digits, text->data() + text->size(), number);
  return parsed.ec == std::errc() ? std::optional(number) : std::nullopt;
}

// Beyond this the kernel would not refuse: it would kill.
absl::Status CheckRoom(uint64_t bytes) {
  uint64_t most = std::numeric_limits<uint64_t>::max();
  if (const auto kib = NumberIn("/proc/meminfo", "MemAvailable:")) most = *kib << 10;
  if (const auto limit = NumberIn("/sys/fs/cgroup/memory.max", "")) most = std::min(most, *limit);
  if (bytes <= most) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted,
               "a pool of {} bytes, where {} of memory are free; make the pool smaller", bytes,
               most);
}

}  // namespace

PoolMemory::Mapping& PoolMemory::Mapping::operator=(Mapping&& other) noexcept {
  std::swap(file, other.file);
  std::swap(bytes, other.bytes);
  return *this;
}

PoolMemory::Mapping::~Mapping() {
  if (!bytes.empty()) LRTI_CHECK(::munmap(bytes.data(), bytes.size()) == 0);
}

absl::StatusOr<PoolMemory::Mapping> PoolMemory::Map(const char* name, uint64_t bytes) {
  Mapping mapping;
  mapping.file = OpenFile(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const int fd = mapping.file.fd();
  if (fd < 0) return Failed(errno, name, bytes, "making it");
  // Pages are taken here, where a lack of them is an error; a later touch would end the process.
  if (const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)); error != 0) {
    return Failed(error, name, bytes, "taking its pages");
  }
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (at == MAP_FAILED) return Failed(errno, name, bytes, "mapping it");
  mapping.bytes = {static_cast<std::byte*>(at), bytes};
  // This mapping is from before the seal and may go on writing.
  if (::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) !=
      0) {
    return Failed(errno, name, bytes, "sealing it");
  }
  return mapping;
}

absl::StatusOr<std::unique_ptr<PoolMemory>> PoolMemory::Create(uint64_t bytes) {
  LRTI_CHECK(bytes > 0 && bytes % wire::kPageBytes == 0);
  LRTI_RETURN_IF_ERROR(CheckRoom(bytes));
  LRTI_ASSIGN_OR_RETURN(Mapping pool, Map("lrti-cache-pool", bytes));
  LRTI_ASSIGN_OR_RETURN(Mapping directory,
                        Map("lrti-cache-directory", bytes / wire::kPageBytes * sizeof(Entry)));
  return std::unique_ptr<PoolMemory>(new PoolMemory(std::move(pool), std::move(directory)));
}

std::atomic<uint64_t>& PoolMemory::EntryOf(uint64_t offset) const {
  LRTI_CHECK(offset % wire::kPageBytes == 0 && offset < pool_.bytes.size());
  return reinterpret_cast<Entry*>(directory_.bytes.data())[offset / wire::kPageBytes];
}

void PoolMemory::Serve(uint64_t offset, uint64_t generation) {
  EntryOf(offset).store(generation, std::memory_order_release);
}

void PoolMemory::Unserve(uint64_t offset) {
  EntryOf(offset).store(0, std::memory_order_seq_cst);
  // A reader that sees one byte of what is written next must see the entry gone.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

uint64_t PoolMemory::ServedAt(uint64_t offset) const {
  return EntryOf(offset).load(std::memory_order_acquire);
}

}  // namespace lrti::cache
