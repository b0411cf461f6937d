#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"

namespace lrti::cache {

/// The memory of a node's states, and its directory: for each page the generation of the state that
/// begins there while it is served, else 0. Both are files without a name that other processes map
/// to read, and nobody but this process can write, shrink or grow: sealed before anybody sees them.
///
/// Every page is there from the start: later use takes no memory and meets no page fault of the
/// kernel's making.
class PoolMemory {
 public:
  /// REQUIRES: bytes is a positive multiple of the page size.
  /// Errors: ResourceExhausted when there is no such memory; Unavailable for another refusal.
  static absl::StatusOr<std::unique_ptr<PoolMemory>> Create(uint64_t bytes);

  std::span<std::byte> bytes() const { return pool_.bytes; }
  int pool_fd() const { return pool_.file.fd(); }
  int directory_fd() const { return directory_.file.fd(); }
  uint64_t directory_bytes() const { return directory_.bytes.size(); }

  /// Readers may trust what they copy from the page on while its entry stays at `generation`.
  void Serve(uint64_t offset, uint64_t generation);

  /// No byte of the slot at `offset` is written before this.
  void Unserve(uint64_t offset);

  uint64_t ServedAt(uint64_t offset) const;

 private:
  struct Mapping {
    Mapping() = default;
    Mapping(Mapping&& other) noexcept { *this = std::move(other); }
    Mapping& operator=(Mapping&& other) noexcept;
    ~Mapping();

    OpenFile file;
    std::span<std::byte> bytes;
  };
  static absl::StatusOr<Mapping> Map(const char* name, uint64_t bytes);

  PoolMemory(Mapping pool, Mapping directory)
      : pool_(std::move(pool)), directory_(std::move(directory)) {}
  std::atomic<uint64_t>& EntryOf(uint64_t offset) const;

  Mapping pool_;
  Mapping directory_;
};

}  // namespace lrti::cache
