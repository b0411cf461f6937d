#include "nn/models/registry.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <variant>
#include <vector>

#include "nn/models/model_contract.h"

namespace lrti::nn {
namespace {

std::vector<ContractCase> Registered() {
  std::vector<ContractCase> cases;
  for (const RegisteredModel& model : RegisteredModels()) {
    const auto make = [small = model.small](int64_t frame_numbers) {
      job::ModelConfig config = small;
      std::visit([&](auto& options) { options.frame_numbers = frame_numbers; }, config);
      return MakeModel(config);
    };
    cases.push_back({model.name, make, model.idle});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, ModelContract, testing::ValuesIn(Registered()), CaseName);

TEST(RegisteredModels, CoverEveryNetworkThatAConfigCanName) {
  std::set<size_t> covered;
  for (const RegisteredModel& model : RegisteredModels()) covered.insert(model.small.index());
  EXPECT_EQ(covered.size(), std::variant_size_v<job::ModelConfig>);
}

}  // namespace
}  // namespace lrti::nn
