#include "docs/examples/one_branch/one_branch.h"

#include <gtest/gtest.h>

#include "nn/models/model_contract.h"
#include "nn/models/parameter_count.h"

namespace lrti::nn {
namespace {

std::shared_ptr<Model> Small(int64_t frame_numbers) {
  job::OneBranchOptions options;
  options.channels = 8;
  options.blocks = 1;
  options.frame_numbers = frame_numbers;
  return std::make_shared<OneBranch>(options);
}

// Restart identity, gradients, checkpointing, precision, refusals: all that Model promises.
INSTANTIATE_TEST_SUITE_P(OneBranch, ModelContract,
                         testing::Values(ContractCase{"one_branch", Small}), CaseName);

TEST(OneBranch, HasTheParametersThatItsFormulaSays) {
  const OneBranch network{job::OneBranchOptions()};
  EXPECT_EQ(ParameterCount(network), 10112 + 4 * 18496 + 2 * 36992 + 9248 + 867);
}

}  // namespace
}  // namespace lrti::nn
