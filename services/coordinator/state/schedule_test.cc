#include "services/coordinator/state/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/explain.h"
#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

using lifecycle::PendingReason;

std::set<std::string> AgentsOf(const World& world, const std::string& job) {
  std::set<std::string> agents;
  for (const RankPlace& place : world.Job(job).current->ranks) agents.insert(place.agent);
  return agents;
}

std::string ReasonOf(const World& world, const std::string& job) {
  return PendingReasonOf(world.live, world.Job(job));
}

TEST(Schedule, AGangIsPlacedWholeOrNotAtAll) {
  World world;
  world.AddAgent("a", 2);
  world.AddAgent("b", 1);
  const std::string four = world.Add(world.Asking(4));
  const std::string three = world.Add(world.Asking(3));
  world.Cycle();
  EXPECT_EQ(world.StateOf(four), JobState::kPending);
  EXPECT_EQ(ReasonOf(world, four), "NoMatchingGpu");
  EXPECT_EQ(world.StateOf(three), JobState::kAdmitted);
  EXPECT_EQ(world.Job(three).current->ranks.size(), 3U);
}

TEST(Schedule, AGangTakesTheFewestAgentsAndLeavesTheFewestGaps) {
  World world;
  world.AddAgent("a", 2);
  world.AddAgent("b", 4);
  world.AddAgent("c", 3);
  const std::string job = world.Add(world.Asking(3));
  world.Cycle();
  EXPECT_EQ(AgentsOf(world, job), std::set<std::string>{"c"});
}

TEST(Schedule, HigherPriorityBeforeWhoCameFirst) {
  World world;
  world.AddAgent("a", 1);
  const std::string first = world.Add(world.Asking(1));
  const std::string second = world.Add(world.Asking(1));
  Submission urgent = world.Asking(1);
  urgent.priority = 90;
  const std::string third = world.Add(urgent);
  world.Cycle();
  EXPECT_EQ(world.StateOf(third), JobState::kAdmitted);
  EXPECT_EQ(ReasonOf(world, first), "WaitingForGpus");
  EXPECT_TRUE(world.Try(Cancel(world.book, third, "me")).ok());
  world.Settled();
  world.Pass(absl::Seconds(3));
  world.Settled();
  EXPECT_TRUE(lifecycle::HoldsGpus(world.StateOf(first)));
  EXPECT_EQ(world.StateOf(second), JobState::kPending);
}

TEST(Schedule, AGangIsOfOneModel) {
  World world;
  world.AddAgent("a", 1, "H200");
  world.AddAgent("b", 1, "L4", uint64_t{24} << 30);
  const std::string job = world.Add(world.Asking(2));
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, job), "NoMatchingGpu");
  world.AddAgent("c", 1, "L4", uint64_t{24} << 30);
  world.Cycle();
  EXPECT_EQ(AgentsOf(world, job), (std::set<std::string>{"b", "c"}));
}

TEST(Schedule, EnoughFreeButOfDifferentModelsIsAFailureOfPlacement) {
  World world;
  world.AddAgent("a", 2, "H200");
  world.AddAgent("b", 1, "L4", uint64_t{24} << 30);
  world.AddAgent("c", 1, "L4", uint64_t{24} << 30);
  const std::string first = world.Running(world.Asking(1));  // on an L4
  world.Running(world.Asking(1));                            // on the other
  const std::string big = world.Running(world.Asking(1));
  EXPECT_EQ(AgentsOf(world, big), std::set<std::string>{"a"});
  world.ExitAll(first, "COMPLETED");
  world.Settled();
  const std::string job = world.Add(world.Asking(2));
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, job), "TopologyPlacementFailed");
}

TEST(Schedule, ElasticJobsTakeAsManyAsFitAndDivideTheBatch) {
  World world;
  world.AddAgent("a", 5);
  Submission submission = world.Asking(8);
  submission.gpus_min = 2;
  submission.global_batch = 8;
  const std::string job = world.Add(submission);
  world.Cycle();
  EXPECT_EQ(world.Job(job).current->ranks.size(), 4U);
}

TEST(Schedule, ElasticJobsRestartWithMoreWhenNobodyElseWaits) {
  World world;
  world.AddAgent("a", 2);
  world.AddAgent("b", 2);
  const std::string other = world.Running(world.Asking(2));
  Submission submission = world.Asking(4);
  submission.gpus_min = 2;
  const std::string job = world.Running(submission);
  world.PassTogether(absl::Minutes(11));
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 1) << "nothing is free";
  const std::string waits = world.Add(world.Asking(4));
  world.ExitAll(other, "COMPLETED");
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 1) << "somebody waits for what is free";
  ASSERT_TRUE(world.Try(Cancel(world.book, waits, "me")).ok());
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 2);
  EXPECT_EQ(world.Job(job).current->ranks.size(), 4U);
  EXPECT_EQ(world.Job(job).restarts, (Restarts{0, 0, 1}));
  world.StepTo(job, 1);
  world.PassTogether(absl::Minutes(11));
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 2) << "it has all that it asks for";
}

TEST(Schedule, TheHeadReservesAndNoLaterJobDelaysIt) {
  World world;
  world.AddAgent("a", 4);
  world.AddAgent("small", 1, "L4", uint64_t{24} << 30);
  world.Running(world.Asking(1));  // the L4: less memory goes first
  const std::string runs = world.Running(world.Asking(2));
  const std::string head = world.Add(world.Asking(4));
  const std::string later = world.Add(world.Asking(1));
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, head), "WaitingForGpus");
  EXPECT_EQ(ReasonOf(world, later), "WaitingForGpus") << "two GPUs are free, and kept";
  world.ExitAll(runs, "COMPLETED");
  world.Settled();
  EXPECT_TRUE(lifecycle::HoldsGpus(world.StateOf(head)));
}

TEST(Schedule, BackfillTakesWhatTheHeadCannotUse) {
  World world;
  world.AddAgent("a", 2);
  world.AddAgent("small", 1, "L4", uint64_t{24} << 30);
  world.AddAgent("b", 2);
  world.Running(world.Asking(1));
  world.ExitAll("job-1", "COMPLETED");
  world.Running(world.Asking(2));
  const std::string head = world.Add(world.Asking(4));
  const std::string later = world.Add(world.Asking(1));
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, head), "WaitingForGpus");
  EXPECT_EQ(AgentsOf(world, later), std::set<std::string>{"small"});
}

TEST(Schedule, AQueueNeverHoldsMoreThanItsQuota) {
  World world;
  world.rules.queues["default"].gpus_max = 2;
  world.rules.queues["other"] = {};
  world.AddAgent("a", 4);
  world.Running(world.Asking(1));
  const std::string two = world.Add(world.Asking(2));
  const std::string one = world.Add(world.Asking(1));
  const std::string three = world.Add(world.Asking(3));
  Submission elsewhere = world.Asking(1);
  elsewhere.queue = "other";
  const std::string other = world.Add(elsewhere);
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, two), "WaitingForQuota");
  EXPECT_EQ(ReasonOf(world, one), "WaitingForQuota") << "it would take what `two` waits for";
  EXPECT_EQ(ReasonOf(world, three), "ExceedsMaxQuota");
  EXPECT_EQ(world.StateOf(other), JobState::kAdmitted) << "another queue goes on";
}

TEST(Schedule, LowerPriorityMakesRoomByCheckpointThenYields) {
  World world;
  world.AddAgent("a", 3);
  Submission low = world.Asking(1);
  low.priority = 10;
  const std::string old = world.Running(low);
  world.Pass(absl::Seconds(5));
  const std::string young = world.Running([&] {
    Submission again = world.Asking(1);
    again.priority = 10;
    return again;
  }());
  const std::string equal = world.Running(world.Asking(1));
  world.dawdles = [] { return true; };
  const std::string head = world.Add(world.Asking(1));
  world.Cycle();
  EXPECT_EQ(world.StateOf(young), JobState::kCheckpointing) << "who started last goes first";
  EXPECT_EQ(world.StateOf(old), JobState::kRunning);
  EXPECT_EQ(world.StateOf(equal), JobState::kRunning);
  EXPECT_EQ(ReasonOf(world, head), "WaitingForPreempted");
  const auto orders = AssignmentsOf(world.book, world.live, world.rules, "a");
  EXPECT_EQ(std::count_if(orders.begin(), orders.end(),
                          [](const Assignment& one) { return one.order == Order::kStop; }),
            1);
  world.Cycle();
  EXPECT_EQ(world.StateOf(old), JobState::kRunning) << "what comes is counted once";
  world.dawdles = [] { return false; };
  world.Settled();
  EXPECT_TRUE(lifecycle::HoldsGpus(world.StateOf(head)));
  EXPECT_EQ(world.StateOf(young), JobState::kPending);
  EXPECT_EQ(world.Job(young).end_reason, EndReason::kPreempted);
  EXPECT_EQ(world.Job(young).restarts, (Restarts{0, 0, 1}));
}

TEST(Schedule, NobodyIsPreemptedInVain) {
  World world;
  world.AddAgent("a", 2);
  Submission low = world.Asking(1);
  low.priority = 10;
  const std::string weak = world.Running(low);
  const std::string strong = world.Running(world.Asking(1));
  const std::string head = world.Add(world.Asking(2));
  world.Cycle();
  EXPECT_EQ(world.StateOf(weak), JobState::kRunning) << "the other GPU is not to be had";
  EXPECT_EQ(ReasonOf(world, head), "WaitingForGpus");
}

TEST(Schedule, PreemptionFreesQuotaToo) {
  World world;
  world.rules.queues["default"].gpus_max = 1;
  world.AddAgent("a", 2);
  Submission low = world.Asking(1);
  low.priority = 10;
  const std::string weak = world.Running(low);
  const std::string head = world.Add(world.Asking(1));
  world.Settled();
  EXPECT_TRUE(lifecycle::HoldsGpus(world.StateOf(head)));
  EXPECT_EQ(world.StateOf(weak), JobState::kPending);
}

TEST(Schedule, JobsGoWhereThePeaksOfTheirKindFit) {
  World world;
  world.AddAgent("small", 1, "L4", uint64_t{24} << 30);
  world.book.peaks[ShapeWith(world.Asking(1), 1)] = uint64_t{30} << 30;
  const std::string job = world.Add(world.Asking(1));
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, job), "VramForecastTooHigh");
  world.AddAgent("large", 1, "H200");
  world.Cycle();
  EXPECT_EQ(AgentsOf(world, job), std::set<std::string>{"large"});
}

TEST(Schedule, GivesNothingToAgentsThatTakeNoWork) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Add(world.Asking(1));
  const auto reason = [&] {
    world.Cycle();
    EXPECT_EQ(world.StateOf(job), JobState::kPending);
    return ReasonOf(world, job);
  };
  for (const AgentMode mode : {AgentMode::kDraining, AgentMode::kQuarantined}) {
    ASSERT_TRUE(world.Try(SetAgentMode(world.book, "a", mode, "why", "me")).ok());
    EXPECT_EQ(reason(), "AgentQuarantine");
  }
  ASSERT_TRUE(world.Try(SetAgentMode(world.book, "a", AgentMode::kReady, "", "me")).ok());
  world.live.agents["a"].draining = true;
  EXPECT_EQ(reason(), "AgentQuarantine");
  world.live.agents["a"].draining = false;
  world.live.agents["a"].trouble = "disk full";
  EXPECT_EQ(reason(), "AgentQuarantine");
  world.live.agents["a"].trouble = "";
  world.live.agents["a"].devices[0].state = "leaked";
  EXPECT_EQ(reason(), "WaitingForGpus");
  world.Pass(absl::Seconds(11));
  EXPECT_EQ(reason(), "AgentQuarantine") << "its lease has lapsed";
  ASSERT_TRUE(world.Sync("a").ok());
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kAdmitted);
}

TEST(Schedule, HoldsAndUnknownQueuesHaveTheirReasons) {
  World world;
  world.AddAgent("a", 1);
  Submission held = world.Asking(1);
  held.hold = true;
  const std::string on_hold = world.Add(held);
  world.rules.queues["gone"] = {};
  Submission lost = world.Asking(1);
  lost.queue = "gone";
  const std::string misconfigured = world.Add(lost);
  world.rules.queues.erase("gone");
  EXPECT_EQ(ReasonOf(world, on_hold), "PendingEvaluation");
  world.Cycle();
  EXPECT_EQ(ReasonOf(world, on_hold), "OnHold");
  EXPECT_EQ(ReasonOf(world, misconfigured), "Misconfigured");
  ASSERT_TRUE(world.Try(Resume(world.book, on_hold, "me")).ok());
  world.Cycle();
  EXPECT_EQ(world.StateOf(on_hold), JobState::kAdmitted);
}

TEST(Schedule, LooksAtTenThousandJobsAndAThousandAgentsInTime) {
  World world;
  for (int a = 0; a < 1000; ++a) {
    AgentReport report;
    report.agent = "agent-" + std::to_string(a);
    report.incarnation = 1;
    for (int i = 0; i < 8; ++i) {
      report.devices.push_back(
          {report.agent + "-" + std::to_string(i), "H200", uint64_t{80} << 30, 0, "free"});
    }
    ASSERT_TRUE(Absorb(world.book, report, world.now, world.live).ok());
    world.Take({AgentJoined{report.agent, 1, "", "", [&] {
                              std::vector<DeviceRecord> devices;
                              for (const auto& device : report.devices) {
                                devices.push_back({device.uuid, device.model, device.memory_bytes});
                              }
                              return devices;
                            }()}});
  }
  for (int i = 0; i < 10'000; ++i) world.Add(world.Asking(8));
  const absl::Time begin = absl::Now();
  world.Cycle();
  const absl::Time middle = absl::Now();
  EXPECT_EQ(world.book.active.size(), 1000U);
  world.Cycle();
  std::printf("first cycle: %s, second: %s\n", absl::FormatDuration(middle - begin).c_str(),
              absl::FormatDuration(absl::Now() - middle).c_str());
  EXPECT_EQ(world.book.pending.size(), 9000U);
}

}  // namespace
}  // namespace lrti::coordinator
