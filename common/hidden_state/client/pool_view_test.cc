#include "common/hidden_state/client/pool_view.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>

#include <cstring>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

using testing::HasSubstr;

constexpr uint64_t kPages = 600;
constexpr wire::Pool kSizes{kPages * wire::kPageBytes, kPages * sizeof(uint64_t)};
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

// Memory as a node makes it.
struct Memory {
  OpenFile file;
  std::byte* bytes = nullptr;
  size_t size = 0;

  explicit Memory(size_t wanted, int seals = kSeals) : size(wanted) {
    file = OpenFile(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    LRTI_CHECK(::ftruncate(file.fd(), static_cast<off_t>(size)) == 0);
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
    LRTI_CHECK(at != MAP_FAILED && ::fcntl(file.fd(), F_ADD_SEALS, seals) == 0);
    bytes = static_cast<std::byte*>(at);
  }
  ~Memory() { ::munmap(bytes, size); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
};

// A node's memory with one state in it, and a view of it.
struct Fixture {
  SystemClock clock;
  Memory pool{kSizes.pool_bytes};
  Memory directory{kSizes.directory_bytes};
  wire::Placed placed;
  std::shared_ptr<const PoolView> view;

  Fixture() {
    placed.offset = 3 * wire::kPageBytes;
    placed.generation = 9;
    placed.item.bytes = 2 * wire::kChunkBytes + 1000;
    std::span<std::byte> state(pool.bytes + placed.offset, placed.item.bytes);
    for (size_t i = 0; i < state.size(); ++i) state[i] = static_cast<std::byte>(i * 7 + i / 256);
    for (size_t at = 0; at < state.size(); at += wire::kChunkBytes) {
      placed.crcs.push_back(
          Crc32c(state.subspan(at, std::min<size_t>(wire::kChunkBytes, state.size() - at))));
    }
    SetEntry(9);
    view = *PoolView::Map(pool.file, directory.file, kSizes);
  }

  void SetEntry(uint64_t generation) {
    std::memcpy(directory.bytes + 3 * sizeof(uint64_t), &generation, sizeof generation);
  }

  Fate CopyOut(absl::Duration budget = absl::Seconds(30)) {
    std::vector<std::byte> room(placed.item.bytes);
    const Fate fate = view->CopyOut(placed, room, Deadline(clock, budget));
    if (fate == Fate::kOk) {
      EXPECT_EQ(std::memcmp(room.data(), pool.bytes + placed.offset, room.size()), 0);
    }
    return fate;
  }
};

TEST(PoolView, CopiesAStateThatIsStillServed) {
  Fixture it;
  EXPECT_TRUE(it.view->Holds(it.placed));
  EXPECT_EQ(it.CopyOut(), Fate::kOk);
}

TEST(PoolView, ALostRaceIsAMiss) {
  Fixture it;
  it.SetEntry(0);
  EXPECT_EQ(it.CopyOut(), Fate::kMiss);
  it.SetEntry(10);
  it.pool.bytes[it.placed.offset] ^= std::byte{1};
  EXPECT_EQ(it.CopyOut(), Fate::kMiss);
}

TEST(PoolView, AnyChunkThatIsNotWhatItsProducerMadeIsCorrupt) {
  for (const uint64_t at : {uint64_t{0}, wire::kChunkBytes, 2 * wire::kChunkBytes + 999}) {
    Fixture it;
    it.pool.bytes[it.placed.offset + at] ^= std::byte{1};
    EXPECT_EQ(it.CopyOut(), Fate::kCorrupt);
  }
}

TEST(PoolView, ACopyEndsByTheDeadline) {
  Fixture it;
  EXPECT_EQ(it.CopyOut(absl::ZeroDuration()), Fate::kTimeout);
}

TEST(PoolView, HoldsNoPlaceBeyondThePool) {
  Fixture it;
  const auto holds = [&](uint64_t offset, uint64_t bytes) {
    it.placed.offset = offset;
    it.placed.item.bytes = bytes;
    return it.view->Holds(it.placed);
  };
  EXPECT_TRUE(holds(0, kSizes.pool_bytes));
  EXPECT_TRUE(holds(kSizes.pool_bytes - wire::kPageBytes, wire::kPageBytes));
  EXPECT_FALSE(holds(wire::kPageBytes, kSizes.pool_bytes));
  EXPECT_FALSE(holds(kSizes.pool_bytes, 0));
  EXPECT_FALSE(holds(kSizes.pool_bytes, 1));
  EXPECT_FALSE(holds(0 - uint64_t{wire::kPageBytes}, 2 * wire::kPageBytes));
  EXPECT_FALSE(holds(8, 8));
}

TEST(PoolView, RefusesMemoryThatCouldChangeUnderIt) {
  const Memory good(kSizes.pool_bytes);
  const Memory directory(kSizes.directory_bytes);
  const auto why = [&](const OpenFile& pool, const OpenFile& entries, const wire::Pool& sizes) {
    return Message(PoolView::Map(pool, entries, sizes).status());
  };
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL}) {
    const Memory open(kSizes.pool_bytes, kSeals & ~missing);
    EXPECT_THAT(why(open.file, directory.file, kSizes), HasSubstr("pool is not sealed"));
  }
  const Memory open(kSizes.directory_bytes, 0);
  EXPECT_THAT(why(good.file, open.file, kSizes), HasSubstr("directory is not sealed"));
  EXPECT_THAT(why(directory.file, directory.file, kSizes), HasSubstr("pool has 4800 bytes"));
  EXPECT_THAT(why(good.file, OpenFile(), kSizes), HasSubstr("without a descriptor"));
}

TEST(SharedPoolView, LanesOfOneNodeShareOneView) {
  const Memory pool(kSizes.pool_bytes);
  const Memory directory(kSizes.directory_bytes);
  const Memory other(kSizes.pool_bytes);
  SharedPoolView shared;
  const auto first = shared.Attach(pool.file, directory.file, kSizes);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*shared.Attach(pool.file, directory.file, kSizes), *first);
  const auto second = shared.Attach(other.file, directory.file, kSizes);
  ASSERT_TRUE(second.ok());
  EXPECT_NE(*second, *first);
}

}  // namespace
}  // namespace lrti::hidden_state::client
