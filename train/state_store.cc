#include "train/state_store.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/hash.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/hidden_state/client/cache_store.h"
#include "common/hidden_state/memory_store.h"
#include "fmt/format.h"

namespace lrti::train {
namespace {

using hidden_state::client::CacheStore;
using hidden_state::client::Endpoint;
using hidden_state::client::PeerHealth;

constexpr const char* kEndpointsVariable = "LRTI_CACHE_ENDPOINTS";

std::string Token() {
  const char* token = std::getenv("LRTI_CACHE_TOKEN");
  return token == nullptr || *token == '\0' ? "open" : token;
}

std::string TroubleOf(CacheStore& store) {
  for (const PeerHealth& peer : store.client().Health()) {
    if (!peer.last_error.empty()) {
      return fmt::format("cache node {}: {}", peer.name, peer.last_error);
    }
  }
  return "";
}

absl::StatusOr<std::vector<Endpoint>> Endpoints(const job::CacheConfig& config) {
  if (!config.endpoints.empty()) {
    auto endpoints = hidden_state::client::ParseEndpoints(config.endpoints);
    if (!endpoints.ok()) return Prefixed(endpoints.status(), "spec.cache.endpoints");
    return endpoints;
  }
  const char* text = std::getenv(kEndpointsVariable);
  if (text == nullptr || *text == '\0') {
    return InvalidArgument(
        "spec.cache.mode: service needs to know where cache nodes listen: set spec.cache.endpoints "
        "to what lrti-cache prints, or {} in the environment",
        kEndpointsVariable);
  }
  auto endpoints = hidden_state::client::ParseEndpoints(absl::StrSplit(text, ','));
  if (!endpoints.ok()) return Prefixed(endpoints.status(), kEndpointsVariable);
  return endpoints;
}

absl::StatusOr<StateStore> OpenCache(const job::CacheConfig& config, const Clock& clock) {
  LRTI_ASSIGN_OR_RETURN(std::vector<Endpoint> endpoints, Endpoints(config));
  CacheStore::Options options{
      .client = {.nodes = {}, .token = Token()},
      .get_deadline = config.deadline,
      .put_deadline = std::max(config.deadline, CacheStore::Options().put_deadline)};
  for (Endpoint& endpoint : endpoints) options.client.nodes.push_back({std::move(endpoint), 1});
  auto opened = CacheStore::Create(options, clock);
  if (!opened.ok()) return Prefixed(opened.status(), "spec.cache");
  CacheStore& cache = **opened;
  return StateStore{*std::move(opened), [&cache] { return TroubleOf(cache); }};
}

}  // namespace

absl::StatusOr<StateStore> OpenStateStore(const job::CacheConfig& config, const Clock& clock) {
  if (config.mode == job::CacheMode::kService) return OpenCache(config, clock);
  const auto bytes_max = static_cast<uint64_t>(config.memory_mib) << 20;
  return StateStore{std::make_unique<hidden_state::MemoryStore>(bytes_max),
                    [] { return std::string(); }};
}

uint64_t NameOfStates(const job::Spec& spec) {
  job::Spec job = spec;
  job.cache.endpoints.clear();  // hosts may write the same node differently
  job.cache.deadline = job::CacheConfig().deadline;
  Fingerprint name(config::Dump(job));
  if (spec.cache.share.empty()) {
    std::random_device device;
    name.Add(static_cast<uint64_t>(device()) << 32 | device());
    name.Add(static_cast<uint64_t>(device()) << 32 | device());
  }
  return name.value();
}

}  // namespace lrti::train
