#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "common/base/sanitized.h"
#include "gtest/gtest.h"
#include "services/cache/node/test_node.h"
#include "services/cache/node/test_peer.h"
#include "services/cache/pool/budget.h"

namespace lrti::cache {
namespace {

uint64_t MostResidentBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmHWM:") {
  }
  uint64_t kib = 0;
  status >> kib;
  return kib << 10;
}

constexpr uint64_t kPoolBytes = 64 << 20;
constexpr int64_t kBoundary = 64 * 64 * 120 / 2;  // fp16 values of half a boundary state
constexpr int64_t kFrame = 90 * 160 * 120 * 2;    // several times that

// A node in a process of its own, whose memory is measured when both shapes were put and got in
// turn, over both kinds of lanes. What the peers hold counts too, and is small.
int Churn() {
  TestNode node(Engine::Options{.pool_bytes = kPoolBytes});
  uint64_t entries = 0;
  {
    std::vector<TestPeer> peers;
    for (uint64_t client = 0; client < 8; ++client) {
      peers.push_back(client % 2 == 0 ? node.Tcp(1, client) : node.Unix(1, client));
    }
    for (uint32_t round = 0; round < 120; ++round) {
      TestPeer& peer = peers[round % peers.size()];
      const int64_t values = round / 10 % 2 == 0 ? kBoundary : kFrame;
      const TestPeer::State state = TestPeer::MakeState(round, values);
      if (peer.Put(state) != wire::Outcome::kOk || !peer.Has(state)) return 2;
      entries = std::max(entries, node->GetStats().engine.states.entries);
    }
    if (node->GetStats().engine.states.evicted < 20) return 3;
  }
  const uint64_t most = ResidentBytesMax(kPoolBytes, entries, 8);
  const uint64_t resident = MostResidentBytes();
  std::printf("%.1f of %.1f MiB\n", static_cast<double>(resident) / (1 << 20),
              static_cast<double>(most) / (1 << 20));
  if (resident < kPoolBytes) return 4;
  return resident <= most && !::testing::Test::HasFailure() ? 0 : 1;
}

TEST(Node, G4ResidentMemoryStaysBelowTheFormulaWhileBothShapesAreChurned) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's memory tells nothing about ours";
  std::fflush(stdout);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const int result = Churn();
    std::fflush(stdout);
    ::_exit(result);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// What dies with its sockets open, in the middle of what it did.
TEST(Node, AProcessThatIsKilledInAPutAndWithALeaseLeavesNothingTaken) {
  TestNode node(Engine::Options{.pool_bytes = 16 << 20});
  TestPeer writer = node.Tcp(1, 1);
  const TestPeer::State state = TestPeer::MakeState(0, 1000);
  ASSERT_EQ(writer.Put(state), wire::Outcome::kOk);
  const std::string path = node->socket_path();
  const uint16_t port = node->port();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    TestPeer holder = TestPeer::Unix(path);
    TestPeer putter = TestPeer::Tcp(port);
    holder.Greet(1, 8);
    putter.Greet(1, 9);
    if (!holder.Locate(state.item.key, true).placed) ::_exit(1);
    if (!putter.BeginPut({TestPeer::MakeState(1, 1000)}, 1)) ::_exit(1);
    putter.Expect(wire::FrameType::kPutGrant);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 1; });
  EXPECT_EQ(node->GetStats().engine.states.leased_bytes, 0u);
  EXPECT_EQ(node->GetStats().engine.states.slots_busy, 0u);
  EXPECT_TRUE(writer.Has(state));
}

}  // namespace
}  // namespace lrti::cache
