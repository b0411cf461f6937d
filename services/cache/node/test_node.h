#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "common/base/check.h"
#include "common/base/test_files.h"
#include "gtest/gtest.h"
#include "services/cache/node/node.h"
#include "services/cache/node/test_peer.h"

/// For tests: a node on loopback and a Unix socket of its own.
namespace lrti::cache {

class TestNode {
 public:
  TestNode() : TestNode(Engine::Options{.pool_bytes = 64 << 20}) {}
  explicit TestNode(const Engine::Options& engine) : TestNode(With(engine)) {}
  explicit TestNode(NodeOptions options) {
    options.unix_path = folder_ / "cache.sock";
    auto node = Node::Start(options);
    EXPECT_TRUE(node.ok()) << node.status();
    LRTI_CHECK(node.ok());
    node_ = *std::move(node);
  }

  Node* operator->() { return node_.get(); }

  /// Clients that have said HELLO.
  TestPeer Tcp(uint64_t job = 1, uint64_t client = 1) {
    TestPeer peer = TestPeer::Tcp(node_->port());
    peer.Greet(job, client);
    return peer;
  }
  TestPeer Unix(uint64_t job = 1, uint64_t client = 1) {
    TestPeer peer = TestPeer::Unix(node_->socket_path());
    peer.Greet(job, client);
    return peer;
  }

  /// For what another thread does soon, with nothing that tells.
  template <typename Reached>
  void WaitUntil(Reached reached) {
    const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!reached(node_->GetStats())) {
      ASSERT_LT(std::chrono::steady_clock::now(), by) << "not reached";
      std::this_thread::yield();
    }
  }

 private:
  static NodeOptions With(const Engine::Options& engine) {
    NodeOptions options;
    options.engine = engine;
    options.threads = 2;
    return options;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Node> node_;
};

}  // namespace lrti::cache
