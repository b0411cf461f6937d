#include "data/natural_order.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace lrti::data {
namespace {

TEST(NaturalLess, CountsAsPeopleDo) {
  const std::vector<std::string> sorted = {"",
                                           "1",
                                           "01",
                                           "2",
                                           "10",
                                           "a",
                                           "a1b2",
                                           "a1b10",
                                           "a2",
                                           "a10",
                                           "b",
                                           "b99999999999999999999999",
                                           "b100000000000000000000000"};
  for (size_t i = 0; i < sorted.size(); ++i) {
    for (size_t j = 0; j < sorted.size(); ++j) {
      const bool by_place = i < j && !(sorted[i] == "1" && sorted[j] == "01");
      if ((sorted[i] == "1" && sorted[j] == "01") || (sorted[i] == "01" && sorted[j] == "1"))
        continue;
      EXPECT_EQ(NaturalLess(sorted[i], sorted[j]), by_place) << sorted[i] << " " << sorted[j];
    }
  }
}

TEST(NaturalLess, LeadingZerosAloneStillGiveAnOrder) {
  EXPECT_NE(NaturalLess("1", "01"), NaturalLess("01", "1"));
  EXPECT_FALSE(NaturalLess("01", "01"));
}

}  // namespace
}  // namespace lrti::data
