#include "train/collective/collective.h"

#include <torch/torch.h>

#include <atomic>

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "train/collective/gradient_mean.h"
#include "train/collective/test_ranks.h"

namespace lrti::train {
namespace {

using testing::ElementsAre;

TEST(Collective, SumsAreTheSameOnAllRanks) {
  AsRanks(3, [](const auto group) {
    EXPECT_EQ(group->world_size(), 3);
    const auto rank = static_cast<double>(group->rank());
    EXPECT_THAT(group->Sum({rank, 1.0, 0.1 * rank}).value(),
                ElementsAre(3, 3, testing::DoubleNear(0.3, 1e-12)));
    EXPECT_TRUE(group->Meet().ok());
  });
}

TEST(Collective, EveryBitOfTheFirstRanksNumberArrives) {
  AsRanks(2, [](const auto group) {
    const uint64_t own = group->first() ? 0xfedcba9876543210 : 7;
    EXPECT_EQ(group->OfFirst(own).value(), 0xfedcba9876543210);
  });
}

TEST(Collective, TensorsBecomeThoseOfTheFirstRank) {
  AsRanks(2, [](const auto group) {
    const auto rank = static_cast<double>(group->rank());
    const std::vector<at::Tensor> tensors = {at::full({3, 2}, rank), at::full({}, 5 + rank),
                                             at::full({4}, rank, at::kLong)};
    ASSERT_TRUE(group->Broadcast(tensors).ok());
    EXPECT_TRUE(tensors[0].equal(at::zeros({3, 2})));
    EXPECT_EQ(tensors[1].item<float>(), 5);
    EXPECT_TRUE(tensors[2].equal(at::zeros({4}, at::kLong)));
  });
}

TEST(Collective, ALostRankIsAnError) {
  AsRanks(2, [](std::unique_ptr<Collective> group) {
    ASSERT_TRUE(group->Meet().ok());
    if (!group->first()) return;  // leaves, and its connections close
    const absl::Status status = group->Meet();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_NE(Message(status).find("another rank was lost"), std::string::npos) << status;
    group->Abandon();
  });
}

TEST(Collective, ARankThatNeverComesIsAnError) {
  const Ranks ranks{.rank = 1, .world_size = 2, .master_address = "127.0.0.1", .master_port = 1};
  const absl::Status status =
      Connect(ranks, c10::kCPU, {.connect = absl::Milliseconds(200)}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(Message(status).find("rank 1 of 2: meeting the others at 127.0.0.1:1"),
            std::string::npos)
      << status;
}

TEST(Collective, ANameThatNobodyKnowsIsAnError) {
  const Ranks ranks{.world_size = 2, .master_address = "no.such.host.invalid", .master_port = 1};
  const absl::Status status = Connect(ranks, c10::kCPU).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(Message(status).find("MASTER_ADDR: 'no.such.host.invalid'"), std::string::npos);
}

/// Parameters a, b, c that begin as ones.
struct Parameters {
  at::Tensor a = at::ones({2}).requires_grad_();
  at::Tensor b = at::ones({3}).requires_grad_();
  at::Tensor c = at::ones({4}).requires_grad_();
};

TEST(GradientMean, IsTheMeanOfWhatAddedUpOnEachRank) {
  AsRanks(2, [](const auto group) {
    Parameters p;
    GradientMean mean(*group);
    for (int step = 0; step < 3; ++step) {
      mean.Follow({p.a, p.b});
      const double factor = 1 + 2 * static_cast<double>(group->rank());  // 1 and 3
      (p.a * factor).sum().backward();                                   // stays here for now
      const at::Tensor loss = (p.b * factor).sum() + (p.a * factor).sum();
      mean.Expect(loss);
      loss.backward();
      EXPECT_TRUE(p.a.grad().equal(at::full({2}, 4.0)));
      EXPECT_TRUE(p.b.grad().equal(at::full({3}, 2.0)));
      for (at::Tensor* tensor : {&p.a, &p.b}) tensor->mutable_grad().reset();
    }
  });
}

TEST(GradientMean, OfAParameterThatNobodyUsedThereIsNone) {
  AsRanks(2, [](const auto group) {
    Parameters p;
    GradientMean mean(*group);
    mean.Follow({p.a, p.b, p.c});
    const at::Tensor loss = group->first() ? p.a.sum() : p.a.sum() + 2 * p.b.sum();
    mean.Expect(loss);
    loss.backward();
    EXPECT_TRUE(p.a.grad().equal(at::ones({2})));
    EXPECT_TRUE(p.b.grad().equal(at::ones({3})));  // (0 + 2) / 2
    EXPECT_FALSE(p.c.grad().defined());
  });
}

TEST(GradientMean, ARankWithoutWorkCountsAsZero) {
  AsRanks(3, [](const auto group) {
    Parameters p;
    GradientMean mean(*group);
    mean.Follow({p.a, p.b});
    if (group->rank() == 1) {
      mean.GiveNothing();
    } else {
      const at::Tensor loss = 3 * (p.a.sum() + p.b.sum());
      mean.Expect(loss);
      loss.backward();
    }
    EXPECT_TRUE(p.a.grad().equal(at::full({2}, 2.0)));
    EXPECT_TRUE(p.b.grad().equal(at::full({3}, 2.0)));
  });
}

TEST(GradientMean, FollowsParametersThatBeginToLearn) {
  AsRanks(2, [](const auto group) {
    Parameters p;
    GradientMean mean(*group);
    p.b.set_requires_grad(false);
    for (const bool b_learns : {false, true}) {
      p.b.set_requires_grad(b_learns);
      mean.Follow(b_learns ? std::vector{p.a, p.b} : std::vector{p.a});
      const at::Tensor loss = static_cast<double>(group->rank()) * (p.a.sum() + p.b.sum());
      mean.Expect(loss);
      loss.backward();
      EXPECT_TRUE(p.a.grad().equal(at::full({2}, 0.5)));
      EXPECT_EQ(p.b.grad().defined(), b_learns);
      for (at::Tensor* tensor : {&p.a, &p.b}) tensor->mutable_grad().reset();
    }
    EXPECT_FALSE(p.b.grad().defined());
  });
}

TEST(GradientMean, OfOneRankIsItsGradient) {
  LocalCollective alone;
  Parameters p;
  GradientMean mean(alone);
  mean.Follow({p.a});
  const at::Tensor loss = p.a.sum();
  mean.Expect(loss);
  loss.backward();
  EXPECT_TRUE(p.a.grad().equal(at::ones({2})));
}

TEST(GradientMean, ThrowsOutOfTheBackwardPassWhenARankIsLost) {
  AsRanks(2, [](std::unique_ptr<Collective> group) {
    Parameters p;
    GradientMean mean(*group);
    mean.Follow({p.a});
    if (!group->first()) return;
    const at::Tensor loss = p.a.sum();
    EXPECT_THROW(
        {
          mean.Expect(loss);
          loss.backward();
        },
        std::exception);
    group->Abandon();
  });
}

}  // namespace
}  // namespace lrti::train
