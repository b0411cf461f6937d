#include "common/hidden_state/faulty_store.h"
#include "common/hidden_state/memory_store.h"
#include "common/hidden_state/store_contract.h"

namespace lrti::hidden_state {
namespace {

// A FaultyStore with the store it stands in front of.
class Wrapped final : public Store {
 public:
  explicit Wrapped(uint64_t bytes_max)
      : inner_(bytes_max), outer_(inner_, [](const StateKey&) { return false; }) {}

  std::vector<PutStatus> Put(std::span<const PutItem> items) override { return outer_.Put(items); }
  std::vector<GetResult> Get(std::span<const StateKey> keys, const Rule& rule) override {
    return outer_.Get(keys, rule);
  }
  void Erase(std::span<const StateKey> keys) override { outer_.Erase(keys); }
  void Drop(uint64_t job) override { outer_.Drop(job); }
  Stats GetStats() const override { return outer_.GetStats(); }

 private:
  MemoryStore inner_;
  FaultyStore outer_;
};

template <typename T>
StoreCase Case(const std::string& name) {
  return {name, [](uint64_t bytes_max) { return std::make_unique<T>(bytes_max); }};
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         testing::Values(Case<MemoryStore>("memory"), Case<Wrapped>("faulty")),
                         [](const auto& param) { return param.param.name; });

std::shared_ptr<const Blob> FourBytes() {
  auto blob = std::make_shared<Blob>();
  blob->shape = {1};
  blob->bytes.resize(4);
  return blob;
}

TEST(MemoryStore, CountsWhatEntriesCostBesideTheirPayload) {
  MemoryStore store(3 * (4 + MemoryStore::kEntryOverheadBytes));
  std::vector<PutItem> items;
  for (uint32_t frame = 0; frame < 4; ++frame) {
    items.push_back({StateKey{.frame = frame}, {1, 1}, FourBytes()});
  }
  EXPECT_EQ(store.Put(items), (std::vector{PutStatus::kStored, PutStatus::kStored,
                                           PutStatus::kStored, PutStatus::kNoSpace}));
  // A full store still takes a state in place of another of its key.
  EXPECT_EQ(store.Put(std::span(items).first(1)), std::vector{PutStatus::kStored});
}

TEST(MemoryStore, HandsOutTheBlobItselfNotACopy) {
  MemoryStore store(1 << 20);
  const PutItem item{StateKey{}, {1, 1}, FourBytes()};
  ASSERT_EQ(store.Put(std::span(&item, 1)), std::vector{PutStatus::kStored});
  EXPECT_EQ(store.Get(std::array{StateKey{}}, {1, 1, 0}).at(0).blob, item.blob);
}

TEST(FaultyStore, LosesTheChosenStatesAndCountsThem) {
  MemoryStore inner(1 << 20);
  FaultyStore store(inner, [](const StateKey& key) { return key.frame % 2 == 1; });
  const std::array keys = {StateKey{.frame = 0}, StateKey{.frame = 1}, StateKey{.frame = 3}};
  for (const StateKey& key : keys) {
    const PutItem item{key, {1, 1}, FourBytes()};
    ASSERT_EQ(store.Put(std::span(&item, 1)), std::vector{PutStatus::kStored});
  }
  const std::vector<GetResult> results = store.Get(keys, {1, 1, 0});
  EXPECT_EQ(results[0].status, GetStatus::kHit);
  for (const size_t i : {size_t{1}, size_t{2}}) {
    EXPECT_EQ(results[i].status, GetStatus::kUnavailable);
    EXPECT_EQ(results[i].blob, nullptr);
  }
  EXPECT_EQ(store.lost(), 2u);
}

}  // namespace
}  // namespace lrti::hidden_state
