#include "common/hidden_state/store_contract.h"
#include "tests/cache/test_cluster.h"

namespace lrti::cache {
namespace {

using hidden_state::GetResult;
using hidden_state::PutItem;
using hidden_state::PutStatus;
using hidden_state::Rule;
using hidden_state::StateKey;
using hidden_state::Store;
using hidden_state::StoreCase;
using hidden_state::StoreContract;

// A CacheStore with the nodes behind it.
class WholeCache final : public Store {
 public:
  WholeCache(const std::vector<Path>& paths, uint64_t bytes_max) {
    std::vector<client::Endpoint> endpoints;
    for (const Path path : paths) {
      nodes_.push_back(StartNode(folder_, "node-" + std::to_string(nodes_.size()), path,
                                 bytes_max / paths.size()));
      endpoints.push_back(nodes_.back().endpoint);
    }
    store_ = OpenStore(StoreOptions(endpoints), clock_);
  }

  std::vector<PutStatus> Put(std::span<const PutItem> items) override { return store_->Put(items); }
  std::vector<GetResult> Get(std::span<const StateKey> keys, const Rule& rule) override {
    return store_->Get(keys, rule);
  }
  void Erase(std::span<const StateKey> keys) override { store_->Erase(keys); }
  void Drop(uint64_t job) override { store_->Drop(job); }
  Stats GetStats() const override { return store_->GetStats(); }

 private:
  TemporaryFolder folder_;
  SystemClock clock_;
  std::vector<NodeAt> nodes_;
  std::unique_ptr<client::CacheStore> store_;
};

StoreCase Case(const std::string& name, const std::vector<Path>& paths) {
  return {name,
          [paths](uint64_t bytes_max) { return std::make_unique<WholeCache>(paths, bytes_max); }};
}

INSTANTIATE_TEST_SUITE_P(Cache, StoreContract,
                         testing::Values(Case("tcp", {Path::kTcp}), Case("unix", {Path::kUnix}),
                                         Case("three_nodes",
                                              {Path::kTcp, Path::kUnix, Path::kTcp})),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace lrti::cache
