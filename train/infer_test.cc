#include "train/infer.h"

#include <torch/torch.h>

#include <stdexcept>

#include "gtest/gtest.h"
#include "nn/models/registry.h"

namespace lrti::train {
namespace {

TEST(ForEachOutput, AVideoInPiecesEqualsTheVideoInOne) {
  for (const nn::RegisteredModel& registered : nn::RegisteredModels()) {
    SCOPED_TRACE(registered.name);
    torch::manual_seed(3);
    const auto model = nn::MakeModel(registered.small);
    model->to(torch::kDouble);
    const at::Tensor frames = torch::rand({1, 5, 3, 32, 32}, torch::kDouble);
    std::vector<at::Tensor> whole;
    ForEachOutput(*model, frames, 100, job::Precision::kFp32,
                  [&](int64_t, const at::Tensor& output) { whole.push_back(output.clone()); });
    ASSERT_EQ(whole.size(), 5u);
    for (const int64_t chunk : {1, 3}) {
      int64_t next = 0;
      ForEachOutput(*model, frames, chunk, job::Precision::kFp32,
                    [&](int64_t frame, const at::Tensor& output) {
                      EXPECT_EQ(frame, next++);
                      EXPECT_LT(
                          (output - whole[static_cast<size_t>(frame)]).abs().max().item<double>(),
                          1e-12);
                    });
      EXPECT_EQ(next, 5);
    }
  }
}

TEST(ForEachOutput, TellsItsProgressStateByState) {
  const auto model = nn::MakeModel(nn::RegisteredModels().front().small);
  const at::Tensor frames = torch::rand({1, 5, 3, 16, 16});
  const auto branches = static_cast<int64_t>(model->States().size());
  for (const int64_t chunk : {2, 5}) {
    SCOPED_TRACE(chunk);
    const int64_t expected = (chunk < 5 ? 2 : 1) * branches * 5;
    int64_t heard = 0;
    ForEachOutput(
        *model, frames, chunk, job::Precision::kFp32, [](int64_t, const at::Tensor&) {},
        [&](int64_t done, int64_t total) {
          EXPECT_EQ(done, ++heard);
          EXPECT_EQ(total, expected);
        });
    EXPECT_EQ(heard, expected);
  }
}

TEST(ForEachOutput, EndsWithAnExceptionOfTheListener) {
  const auto model = nn::MakeModel(nn::RegisteredModels().front().small);
  const at::Tensor frames = torch::rand({1, 5, 3, 16, 16});
  int64_t outputs = 0;
  const auto run = [&] {
    ForEachOutput(
        *model, frames, 5, job::Precision::kFp32, [&](int64_t, const at::Tensor&) { ++outputs; },
        [](int64_t done, int64_t) {
          if (done == 3) throw std::runtime_error("enough");
        });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(outputs, 0);
}

}  // namespace
}  // namespace lrti::train
