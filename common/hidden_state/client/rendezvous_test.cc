#include "common/hidden_state/client/rendezvous.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

using Nodes = std::vector<Rendezvous::Node>;

// One state of each of `count` frame blocks.
std::vector<StateKey> Keys(uint32_t count) {
  std::vector<StateKey> keys;
  for (uint32_t i = 0; i < count; ++i) {
    keys.push_back({.job = 1, .video = i / 64, .frame = i % 64 * Rendezvous::kFramesTogether});
  }
  return keys;
}

TEST(Rendezvous, SharesAreInProportionToTheWeights) {
  const Rendezvous nodes(Nodes{{"a", 1}, {"b", 2}, {"c", 0}, {"d", 5}});
  std::vector<double> share(4);
  const std::vector<StateKey> keys = Keys(40'000);
  for (const StateKey& key : keys) share[nodes.NodeOf(key)] += 1.0 / 40'000;
  EXPECT_NEAR(share[0], 1.0 / 8, 0.01);
  EXPECT_NEAR(share[1], 2.0 / 8, 0.01);
  EXPECT_EQ(share[2], 0);
  EXPECT_NEAR(share[3], 5.0 / 8, 0.01);
}

TEST(Rendezvous, ANodeThatLeavesMovesItsShareAlone) {
  const Nodes all = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
  const Rendezvous before(all);
  const Rendezvous after(Nodes{all[0], all[1], all[3]});
  uint32_t moved = 0;
  for (const StateKey& key : Keys(10'000)) {
    const std::string& old_name = all[before.NodeOf(key)].name;
    const size_t place = after.NodeOf(key);
    const std::string& new_name = all[place == 2 ? 3 : place].name;
    if (old_name == "c") {
      ++moved;
    } else {
      EXPECT_EQ(old_name, new_name);
    }
  }
  EXPECT_NEAR(moved, 2500, 200);
}

TEST(Rendezvous, MoreWeightForOneTakesFromTheOthersAndMovesNothingElse) {
  const Rendezvous before(Nodes{{"a", 1}, {"b", 1}, {"c", 1}});
  const Rendezvous after(Nodes{{"a", 1}, {"b", 1.5}, {"c", 1}});
  for (const StateKey& key : Keys(10'000)) {
    const size_t now = after.NodeOf(key);
    if (now != before.NodeOf(key)) {
      EXPECT_EQ(now, 1u);
    }
  }
}

TEST(Rendezvous, TheOrderOfTheListDoesNotMatter) {
  const Rendezvous one(Nodes{{"a", 1}, {"b", 2}});
  const Rendezvous other(Nodes{{"b", 2}, {"a", 1}});
  for (const StateKey& key : Keys(1000)) EXPECT_EQ(one.NodeOf(key), 1 - other.NodeOf(key));
}

TEST(Rendezvous, FramesOfABlockStayTogetherAndBranchesSpread) {
  const Rendezvous nodes(Nodes{{"a"}, {"b"}, {"c"}, {"d"}});
  std::vector<size_t> places;
  for (uint32_t branch = 0; branch < 64; ++branch) {
    const StateKey first = {.job = 1, .video = 2, .crop = 3, .frame = 32, .branch = branch};
    StateKey last = first;
    last.frame = 63;
    last.model = 9;
    last.augmentation = 9;
    EXPECT_EQ(nodes.NodeOf(first), nodes.NodeOf(last));
    places.push_back(nodes.NodeOf(first));
  }
  for (size_t node = 0; node < 4; ++node) EXPECT_THAT(places, testing::Contains(node));
}

}  // namespace
}  // namespace lrti::hidden_state::client
