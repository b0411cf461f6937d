#include "services/cache/node/pool_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "common/hidden_state/wire/limits.h"
#include "gtest/gtest.h"

namespace lrti::cache {
namespace {

constexpr uint64_t kPool = 64 * wire::kPageBytes;

TEST(PoolMemory, TheSealsHold) {
  const auto memory = PoolMemory::Create(kPool);
  ASSERT_TRUE(memory.ok()) << memory.status();
  for (const int fd : {(*memory)->pool_fd(), (*memory)->directory_fd()}) {
    EXPECT_EQ(::fcntl(fd, F_GET_SEALS),
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
    const auto expect_refused = [](auto result, auto failure) {
      EXPECT_EQ(result, failure);
      EXPECT_EQ(errno, EPERM);
    };
    expect_refused(::ftruncate(fd, 1), -1);
    expect_refused(::ftruncate(fd, 2 * kPool), -1);
    expect_refused(::mmap(nullptr, 512, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    expect_refused(::pwrite(fd, "x", 1, 0), ssize_t{-1});
    expect_refused(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);

    void* const view = ::mmap(nullptr, 512, PROT_READ, MAP_SHARED, fd, 0);
    ASSERT_NE(view, MAP_FAILED) << "readers map it";
    EXPECT_EQ(::mprotect(view, 512, PROT_READ | PROT_WRITE), -1) << "never to write";
    ::munmap(view, 512);
  }
}

TEST(PoolMemory, EveryPageIsThereFromTheStart) {
  const auto memory = PoolMemory::Create(kPool);
  ASSERT_TRUE(memory.ok()) << memory.status();
  std::vector<unsigned char> resident(kPool / wire::kPageBytes);
  ASSERT_EQ(::mincore((*memory)->bytes().data(), kPool, resident.data()), 0);
  EXPECT_TRUE(std::ranges::all_of(resident, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(PoolMemory, AReaderOfTheDescriptorsSeesStatesAndTheDirectory) {
  const auto memory = PoolMemory::Create(kPool);
  ASSERT_TRUE(memory.ok()) << memory.status();
  (*memory)->bytes()[5 * wire::kPageBytes] = std::byte{42};
  (*memory)->Serve(5 * wire::kPageBytes, 77);
  EXPECT_EQ((*memory)->directory_bytes(), 64 * sizeof(uint64_t));
  std::byte byte{};
  uint64_t entry = 0;
  ASSERT_EQ(::pread((*memory)->pool_fd(), &byte, 1, 5 * wire::kPageBytes), 1);
  ASSERT_EQ(::pread((*memory)->directory_fd(), &entry, 8, 5 * 8), 8);
  EXPECT_EQ(byte, std::byte{42});
  EXPECT_EQ(entry, 77u);
  (*memory)->Unserve(5 * wire::kPageBytes);
  EXPECT_EQ((*memory)->ServedAt(5 * wire::kPageBytes), 0u);
}

TEST(PoolMemory, MoreThanThereIsIsAnErrorThatSaysWhatToDo) {
  const auto memory = PoolMemory::Create(uint64_t{1} << 50);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), absl::StatusCode::kResourceExhausted) << memory.status();
  EXPECT_NE(std::string(memory.status().message()).find("make the pool smaller"),
            std::string::npos);
}

}  // namespace
}  // namespace lrti::cache
