#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/hidden_state/client/cache_store.h"
#include "gtest/gtest.h"
#include "services/cache/node/node.h"

/// For tests: cache nodes in this process, and what their clients are told about them.
namespace lrti::cache {

namespace client = hidden_state::client;

enum class Path : uint8_t { kTcp, kUnix };

struct NodeAt {
  std::unique_ptr<Node> node;
  client::Endpoint endpoint;
};

inline NodeAt StartNode(const TemporaryFolder& folder, const std::string& name, Path path,
                        uint64_t pool_bytes) {
  NodeOptions options;
  options.listen = path == Path::kTcp ? "127.0.0.1:0" : "";
  options.unix_path = path == Path::kUnix ? folder / (name + ".sock") : "";
  options.engine.pool_bytes = pool_bytes;
  auto node = Node::Start(options);
  if (!node.ok()) ADD_FAILURE() << Message(node.status());
  NodeAt at{std::move(*node), {.name = name}};
  at.endpoint.path = at.node->socket_path();
  if (path == Path::kTcp) at.endpoint.host = "127.0.0.1";
  at.endpoint.port = at.node->port();
  return at;
}

/// Long deadlines: what must end early says so itself.
inline client::CacheStore::Options StoreOptions(const std::vector<client::Endpoint>& endpoints) {
  client::CacheStore::Options options;
  for (const client::Endpoint& endpoint : endpoints) {
    options.client.nodes.push_back({.endpoint = endpoint});
  }
  options.client.token = "open sesame";
  options.get_deadline = absl::Seconds(30);
  options.put_deadline = absl::Seconds(30);
  return options;
}

inline std::unique_ptr<client::CacheStore> OpenStore(const client::CacheStore::Options& options,
                                                     const Clock& clock) {
  auto store = client::CacheStore::Create(options, clock);
  if (!store.ok()) ADD_FAILURE() << Message(store.status());
  return *std::move(store);
}

}  // namespace lrti::cache
