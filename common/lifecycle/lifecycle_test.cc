#include <gtest/gtest.h>

#include <set>

#include "common/lifecycle/end_reason.h"
#include "common/lifecycle/job_state.h"
#include "common/lifecycle/pending_reason.h"

namespace lrti::lifecycle {
namespace {

template <typename List>
void ExpectInOrderAndDistinct(const List& list) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(list[i].value), i) << list[i].name;
    EXPECT_TRUE(names.insert(list[i].name).second) << list[i].name << " stands twice";
    EXPECT_EQ(ValueIn(list, list[i].name), list[i].value);
  }
}

TEST(Lifecycle, ListsAreInTheOrderOfTheirValuesAndHaveNoWordTwice) {
  ExpectInOrderAndDistinct(kJobStates);
  ExpectInOrderAndDistinct(kPendingReasons);
  ExpectInOrderAndDistinct(kEndReasons);
}

TEST(Lifecycle, UnknownWordsHaveNoValue) {
  EXPECT_EQ(ValueIn(kJobStates, "DANCING"), std::nullopt);
}

TEST(Lifecycle, OnlyTheLastThreeStatesAreFinalAndNoFinalStateHoldsGpus) {
  for (const auto& [state, name] : kJobStates) {
    EXPECT_EQ(IsFinal(state), state >= JobState::kSucceeded) << name;
    EXPECT_FALSE(IsFinal(state) && HoldsGpus(state)) << name;
  }
}

TEST(Lifecycle, EveryReasonSaysWhatItMeansAndWhatToDo) {
  for (const auto& reason : kEndReasons) {
    EXPECT_FALSE(reason.meaning.empty() || reason.next_step.empty()) << reason.name;
  }
  for (const auto& reason : kPendingReasons) {
    EXPECT_FALSE(reason.meaning.empty() || reason.next_step.empty()) << reason.name;
  }
}

}  // namespace
}  // namespace lrti::lifecycle
