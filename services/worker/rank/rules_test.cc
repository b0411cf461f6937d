#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "services/worker/rank/environment.h"
#include "services/worker/rank/kill_ladder.h"
#include "services/worker/rank/rank_events.h"
#include "services/worker/rank/verdict.h"

namespace lrti::worker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

RankEvents EventsOf(std::initializer_list<const char*> lines) {
  RankEvents events;
  for (const char* const line : lines) events.Apply(line, absl::Seconds(100));
  return events;
}

TEST(RankEvents, KeepsWhereTheRankStands) {
  const RankEvents events = EventsOf(
      {R"({"event":"started","ts":"2026-03-01T10:00:00Z","device":"cuda:0","iterations":50,"resumed_from":20})",
       R"({"event":"step","ts":"2026-03-01T10:00:05Z","step":21,"loss":0.5,"psnr":30.5,"memory_bytes":9})",
       R"({"event":"checkpoint","step":21,"seconds":1.5})",
       R"({"event":"heartbeat","step":22,"phase":"optimizer","phase_age_s":2,"memory_bytes":7})"});
  EXPECT_EQ(events.device, "cuda:0");
  EXPECT_EQ(events.iterations, 50);
  EXPECT_EQ(events.resumed_from, 20);
  EXPECT_EQ(events.step, 22);
  EXPECT_EQ(events.phase, "optimizer");
  EXPECT_EQ(events.phase_since, absl::Seconds(98));
  EXPECT_EQ(events.heartbeat_at, absl::Seconds(100));
  EXPECT_EQ(events.memory_bytes, 7U);
  EXPECT_EQ(events.memory_peak_bytes, 9U);
  EXPECT_EQ(events.checkpoint_time, absl::Seconds(1.5));
  EXPECT_EQ(*events.first_step - *events.started, absl::Seconds(5));
}

TEST(RankEvents, IgnoresWhatItDoesNotKnow) {
  const RankEvents events = EventsOf(
      {R"({"event":"step","step":3,"loss":null,"new_field":[1]})", R"({"event":"dance","step":9})",
       R"({"event":"step","step":"many","memory_bytes":-5})", "half a line", R"(["event"])", "{}"});
  EXPECT_EQ(events.step, 3);
  EXPECT_EQ(events.memory_bytes, 0U);
  EXPECT_EQ(events.bad_lines, 3U);
}

TEST(RankEvents, StepsNeverGoBack) {
  EXPECT_EQ(EventsOf({R"({"event":"step","step":9})", R"({"event":"heartbeat","step":8})"}).step,
            9);
}

TEST(KillLadder, AsksOnceThenKillsAgainAndAgain) {
  KillLadder ladder;
  EXPECT_EQ(ladder.Due(absl::Seconds(1)), 0);
  ladder.Stop(absl::Seconds(30), absl::Seconds(10));
  EXPECT_EQ(ladder.Due(absl::Seconds(10)), SIGTERM);
  EXPECT_EQ(ladder.Due(absl::Seconds(39)), 0);
  EXPECT_EQ(ladder.Due(absl::Seconds(40)), SIGKILL);
  EXPECT_EQ(ladder.Due(absl::Seconds(40.5)), 0);
  EXPECT_EQ(ladder.Due(absl::Seconds(41)), SIGKILL);
}

TEST(KillLadder, ALongerGraceChangesNothingAndAShorterOneCounts) {
  KillLadder ladder;
  ladder.Stop(absl::Seconds(30), absl::Seconds(0));
  EXPECT_EQ(ladder.Due(absl::Seconds(0)), SIGTERM);
  ladder.Stop(absl::Seconds(300), absl::Seconds(1));
  EXPECT_EQ(ladder.Due(absl::Seconds(2)), 0);
  ladder.Stop(absl::Seconds(5), absl::Seconds(2));
  EXPECT_EQ(ladder.Due(absl::Seconds(7)), SIGKILL);
}

TEST(KillLadder, KillsAtOnceWithoutAsking) {
  KillLadder ladder;
  ladder.Kill(absl::Seconds(3));
  EXPECT_EQ(ladder.Due(absl::Seconds(3)), SIGKILL);
}

TEST(TrainerEnvironment, HasTheNamesOfTorchrunAndOurs) {
  const auto variables = TrainerEnvironment(
      {{"PATH", "/bin"}, {"LRTI_SECRET", "x"}, {"TORCHELASTIC_USE_AGENT_STORE", "1"}},
      {.job = "lrti-abc",
       .attempt = 3,
       .restarts = 2,
       .rank = 5,
       .world_size = 8,
       .local_rank = 1,
       .local_world_size = 2,
       .rendezvous = "10.0.0.7:4411",
       .gpu = "GPU-1",
       .cores = 9,
       .cache_endpoints = {"a:1", "b:2"},
       .cache_token = "t"});
  const std::map<std::string, std::string> expected = {{"PATH", "/bin"},
                                                       {"RANK", "5"},
                                                       {"ROLE_RANK", "5"},
                                                       {"WORLD_SIZE", "8"},
                                                       {"LOCAL_RANK", "1"},
                                                       {"LOCAL_WORLD_SIZE", "2"},
                                                       {"MASTER_ADDR", "10.0.0.7"},
                                                       {"MASTER_PORT", "4411"},
                                                       {"TORCHELASTIC_RESTART_COUNT", "2"},
                                                       {"TORCHELASTIC_RUN_ID", "lrti-abc"},
                                                       {"LRTI_JOB_ID", "lrti-abc"},
                                                       {"LRTI_ATTEMPT", "3"},
                                                       {"LRTI_EPOCH", "3"},
                                                       {"LRTI_CACHE_ENDPOINTS", "a:1,b:2"},
                                                       {"LRTI_CACHE_TOKEN", "t"},
                                                       {"CUDA_VISIBLE_DEVICES", "GPU-1"},
                                                       {"OMP_NUM_THREADS", "4"}};
  EXPECT_EQ(variables, expected);
}

TEST(TrainerEnvironment, MoreRanksThanCoresHaveAThreadEach) {
  const auto variables =
      TrainerEnvironment({}, {.local_world_size = 4, .rendezvous = "127.0.0.1:1", .cores = 2});
  EXPECT_EQ(variables.at("OMP_NUM_THREADS"), "1");
  EXPECT_EQ(variables.at("OMP_WAIT_POLICY"), "PASSIVE") << "no GPU: they share the processor";
}

constexpr const char* kFinished = R"({"event":"finished","step":50,"reason":"iterations"})";
constexpr const char* kStoppedLine = R"({"event":"finished","step":7,"reason":"stopped"})";
constexpr const char* kOnGpu = R"({"event":"started","device":"cuda:0"})";
constexpr const char* kOnCpu = R"({"event":"started","device":"cpu"})";

std::string Failed(const std::string& code, const std::string& message) {
  return R"({"event":"failed","code":")" + code + R"(","message":")" + message + R"("})";
}

TEST(JudgeExit, KnowsEveryWayToEnd) {
  const std::string oom = Failed("RESOURCE_EXHAUSTED", "CUDA out of memory");
  const std::string host_oom = Failed("RESOURCE_EXHAUSTED", "no memory for a frame");
  const std::string disk = Failed("RESOURCE_EXHAUSTED", "/runs: disk full");
  const std::string config = Failed("INVALID_ARGUMENT", "spec.model: unknown");
  const std::string video = Failed("NOT_FOUND", "/data/a.mp4: no such file");
  const std::string damaged = Failed("DATA_LOSS", "checkpoint 12 is damaged");
  const std::string peer = Failed("UNAVAILABLE", "rank 1 is gone");
  const std::string bug = Failed("INTERNAL", "oops");
  const std::string nan = Failed("INTERNAL", "step 7: the loss is nan; no weight was changed");
  struct Case {
    ExitRecord exit;
    std::vector<std::string> events;
    const char* reason;
    const char* message;
  };
  const std::vector<Case> cases = {
      {{}, {kFinished}, "COMPLETED", "finished at step 50 (iterations)"},
      {{}, {kStoppedLine}, "STOPPED", "saved and stopped at step 7"},
      {{}, {}, "INTERNAL", "never said that it finished"},
      {{.code = 1}, {kOnGpu, oom}, "OOM_GPU", "CUDA out of memory"},
      {{.code = 1}, {oom}, "OOM_GPU", "CUDA out of memory"},
      {{.code = 1}, {kOnCpu, host_oom}, "OOM_HOST", "no memory for a frame"},
      {{.code = 1}, {kOnGpu, disk}, "USER_ERROR", "disk full"},
      {{.code = 2}, {config}, "USER_ERROR", "spec.model: unknown"},
      {{.code = 2}, {video}, "DATA_UNAVAILABLE", "a.mp4"},
      {{.code = 1}, {damaged}, "CHECKPOINT_UNREADABLE", "checkpoint 12"},
      {{.code = 1}, {bug}, "INTERNAL", "oops"},
      {{.code = 1}, {nan}, "USER_ERROR", "the loss is nan"},
      {{.code = 75}, {peer}, "NCCL_ERROR", "rank 1 is gone"},
      {{.code = 75}, {}, "NCCL_ERROR", "exit code 75: last words"},
      {{.code = 93}, {peer}, "USER_ERROR", "rank 1 is gone"},
      {{.code = 2}, {}, "USER_ERROR", "exit code 2: last words"},
      {{.code = 127}, {}, "INTERNAL", "could not be started"},
      {{.code = 9}, {}, "INTERNAL", "exit code 9: last words; it did not say why"},
      {{.signal = SIGKILL}, {}, "INTERNAL", "killed by signal 9 (SIGKILL), not by the agent"},
      {{.signal = SIGKILL, .host_oom_kills = 1}, {}, "OOM_HOST", "the kernel was out of memory"},
      {{.signal = SIGSEGV, .host_oom_kills = 1}, {}, "INTERNAL", "signal 11 (SIGSEGV)"},
      {{.signal = SIGTERM, .orphaned = true}, {}, "AGENT_LOST", "no agent came back"},
      {{.trouble = "pid.json: disk full"}, {}, "INTERNAL", "could not be started: pid.json"},
  };
  for (const Case& it : cases) {
    SCOPED_TRACE(it.message);
    RankEvents events;
    for (const std::string& line : it.events) events.Apply(line, absl::ZeroDuration());
    RankSight sight;
    sight.exit = it.exit;
    const Verdict verdict = JudgeExit(sight, events, std::nullopt, {"first", "last words"});
    EXPECT_EQ(verdict.end_reason, it.reason);
    EXPECT_THAT(verdict.message, HasSubstr(it.message));
  }
}

TEST(JudgeExit, WhatTheAgentKilledIsNoFault) {
  RankSight sight;
  sight.exit = ExitRecord{.signal = SIGKILL};
  const Verdict verdict = JudgeExit(sight, {}, Cause{.text = "rank 1 failed"}, {});
  EXPECT_EQ(verdict.end_reason, "STOPPED");
  EXPECT_THAT(verdict.message, HasSubstr("by the agent with signal 9 (SIGKILL)"));
  EXPECT_THAT(verdict.message, HasSubstr("rank 1 failed"));
}

TEST(JudgeExit, WhatTheKernelKilledForMemoryDidNotStopAsItWasAsked) {
  RankSight sight;
  sight.exit = ExitRecord{.signal = SIGKILL, .host_oom_kills = 1};
  EXPECT_EQ(JudgeExit(sight, {}, Cause{.text = "drained"}, {}).end_reason, "OOM_HOST");
}

TEST(JudgeExit, ARankThatSaidWhyItFailsIsBelievedThoughItWasKilled) {
  RankSight sight;
  sight.exit = ExitRecord{.signal = SIGKILL};
  RankEvents events;
  events.Apply(Failed("INVALID_ARGUMENT", "bad crop"), absl::ZeroDuration());
  EXPECT_EQ(JudgeExit(sight, events, Cause{.text = "rank 1 failed"}, {}).message, "bad crop");
}

TEST(JudgeExit, AQuotaIsTheReasonHoweverTheRankEnds) {
  RankSight sight;
  sight.exit = ExitRecord{.code = 1};
  const Verdict verdict =
      JudgeExit(sight, {}, Cause{.end_reason = "LOG_QUOTA_EXCEEDED", .text = "too much"}, {});
  EXPECT_EQ(verdict.end_reason, "LOG_QUOTA_EXCEEDED");
}

TEST(JudgeExit, WithoutARecordTheMachineOrTheSupervisorIsToBlame) {
  RankSight sight{.gone = true, .rebooted = true};
  EXPECT_EQ(JudgeExit(sight, {}, std::nullopt, {}).end_reason, "NODE_LOST");
  sight = {.gone = true, .shim_log = "disk full"};
  const Verdict verdict = JudgeExit(sight, {}, std::nullopt, {});
  EXPECT_EQ(verdict.end_reason, "INTERNAL");
  EXPECT_THAT(verdict.message, HasSubstr("disk full"));
}

TEST(JudgeExit, AMessageIsOneLineOfText) {
  RankSight sight;
  sight.exit = ExitRecord{.code = 3};
  const Verdict verdict =
      JudgeExit(sight, {}, std::nullopt, {std::string("a\nb\xff") + std::string(5000, 'x')});
  EXPECT_LE(verdict.message.size(), 1000U);
  EXPECT_THAT(verdict.message, HasSubstr("a b?"));
}

}  // namespace
}  // namespace lrti::worker
