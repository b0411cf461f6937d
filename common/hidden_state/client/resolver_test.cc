#include "common/hidden_state/client/resolver.h"

#include <netinet/in.h>

#include <atomic>
#include <fstream>
#include <latch>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

uint16_t PortOf(const Address& address) {
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

struct World {
  SystemClock clock;
  Signal signal;

  // Waits for the answer as a caller does.
  absl::StatusOr<Address> Find(Resolver& resolver, const std::string& endpoint) {
    const Deadline deadline(clock, absl::Seconds(20));
    while (!deadline.Passed()) {
      const uint64_t seen = signal.count();
      if (auto found = resolver.Find(*ParseEndpoint(endpoint))) return *found;
      signal.WaitBeyond(seen, deadline);
    }
    return Error(absl::StatusCode::kDeadlineExceeded, "no answer");
  }
};

TEST(Resolver, DigitsNeedNoLookUp) {
  World world;
  Resolver resolver(world.signal, [](const auto&, auto) -> absl::StatusOr<Address> {
    return Error(absl::StatusCode::kInternal, "looked up");
  });
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://127.0.0.1:7400")), 7400);
  EXPECT_EQ(world.Find(resolver, "tcp://[::1]:1")->storage.ss_family, AF_INET6);
  EXPECT_EQ(world.signal.count(), 0u);
}

TEST(Resolver, ThePathIsTakenWhereItExists) {
  World world;
  const TemporaryFolder folder;
  const std::string path = folder / "cache.sock";
  Resolver resolver(world.signal);
  EXPECT_FALSE(world.Find(resolver, "tcp://127.0.0.1:7400+unix:" + path)->local());
  EXPECT_TRUE(world.Find(resolver, "unix:" + path)->local());
  std::ofstream(path) << "a socket stands here";
  EXPECT_TRUE(world.Find(resolver, "tcp://127.0.0.1:7400+unix:" + path)->local());
}

TEST(Resolver, NamesAreLookedUpOnceUntilForgotten) {
  World world;
  std::atomic<uint16_t> port = 0;
  Resolver resolver(world.signal,
                    [&](const auto&, auto) { return *NumericAddress("127.0.0.1", ++port); });
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 1);
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 1);
}

TEST(Resolver, AForgottenAddressServesUntilAnotherIsFound) {
  World world;
  std::atomic<int> calls = 0;
  Resolver resolver(world.signal, [&](const auto&, auto) -> absl::StatusOr<Address> {
    if (++calls == 2) return Error(absl::StatusCode::kUnavailable, "the name server is away");
    return *NumericAddress("127.0.0.1", static_cast<uint16_t>(calls));
  });
  const Endpoint node = *ParseEndpoint("tcp://node:7400");
  const auto look_again = [&] {
    const Deadline deadline(world.clock, absl::Seconds(20));
    const uint64_t seen = world.signal.count();
    resolver.Forget(node);
    const auto meanwhile = resolver.Find(node);
    EXPECT_TRUE(meanwhile && PortOf(**meanwhile) == 1);
    world.signal.WaitBeyond(seen, deadline);
  };
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 1);
  look_again();
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 1) << "better than none";
  look_again();
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 3);
}

TEST(Resolver, AFailureIsToldAndTheNextCallerAsksAnew) {
  World world;
  std::atomic<int> calls = 0;
  Resolver resolver(world.signal, [&](const auto&, auto) -> absl::StatusOr<Address> {
    if (++calls == 1) return Error(absl::StatusCode::kUnavailable, "no such host");
    return *NumericAddress("127.0.0.1", 5);
  });
  EXPECT_EQ(Message(world.Find(resolver, "tcp://node:7400").status()), "no such host");
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 5);
}

TEST(Resolver, ASlowLookUpHoldsNobodyUp) {
  World world;
  std::latch answer(1);
  Resolver resolver(world.signal, [&](const auto&, auto) {
    answer.wait();
    return *NumericAddress("127.0.0.1", 5);
  });
  EXPECT_FALSE(resolver.Find(*ParseEndpoint("tcp://node:7400")).has_value());
  EXPECT_FALSE(resolver.Find(*ParseEndpoint("tcp://node:7400")).has_value());
  answer.count_down();
  EXPECT_EQ(PortOf(*world.Find(resolver, "tcp://node:7400")), 5);
}

}  // namespace
}  // namespace lrti::hidden_state::client
