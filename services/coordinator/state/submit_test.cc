#include "services/coordinator/state/submit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

constexpr const char* kConfig = R"(
apiVersion: lrti/v1
kind: TrainingJob
metadata: {name: small, project: tests, labels: {table: "3"}}
spec:
  data: {train: {path: /data/clips}}
  train: {global_batch: 8, iterations: 100}
  resources: {gpus: 8, gpus_min: 2, priority: 70, max_restarts: {infra: 4, user: 1}}
)";

SubmitArguments Arguments(const std::string& config) {
  SubmitArguments arguments;
  arguments.request_id = "request";
  arguments.config = config;
  arguments.user = "ann";
  arguments.group = "sweep";
  return arguments;
}

TEST(ReadSubmission, TakesWhatTheSchedulerNeeds) {
  const auto submission = ReadSubmission(Arguments(kConfig));
  ASSERT_TRUE(submission.ok()) << submission.status();
  EXPECT_EQ(submission->name, "small");
  EXPECT_EQ(submission->project, "tests");
  EXPECT_EQ(submission->labels.at("table"), "3");
  EXPECT_EQ(submission->queue, "default");
  EXPECT_EQ(submission->priority, 70);
  EXPECT_EQ(submission->infra_max, 4);
  EXPECT_EQ(submission->user_max, 1);
  EXPECT_EQ(submission->iterations, 100);
  EXPECT_EQ(submission->user, "ann");
  EXPECT_EQ(submission->group, "sweep");
  EXPECT_THAT(RankCounts(*submission), testing::ElementsAre(8, 4, 2));
}

TEST(ReadSubmission, EqualConfigsHaveOneCanonicalText) {
  const auto one = ReadSubmission(Arguments(kConfig));
  const auto other = ReadSubmission(Arguments(std::string("# a comment\n") + kConfig));
  EXPECT_EQ(one->config_sha256, other->config_sha256);
  EXPECT_EQ(ReadSubmission(Arguments(one->config))->config, one->config);
}

TEST(ReadSubmission, RefusesWhatItCannotKeep) {
  EXPECT_THAT(ReadSubmission(Arguments("spec: {}")).status().message(), HasSubstr("metadata"));
  EXPECT_THAT(ReadSubmission(Arguments(std::string(2 << 20, ' '))).status().message(),
              HasSubstr("at most 1048576"));
  SubmitArguments nameless = Arguments(kConfig);
  nameless.request_id = "";
  EXPECT_THAT(ReadSubmission(nameless).status().message(), HasSubstr("request_id"));
  SubmitArguments broken = Arguments(kConfig);
  broken.user = "two\nlines";
  EXPECT_THAT(ReadSubmission(broken).status().message(), HasSubstr("user"));
  std::string labels;
  for (int i = 0; i < 3000; ++i) labels += fmt::format("label-{:08}: some value, ", i);
  const std::string large =
      std::string(kConfig).replace(std::string(kConfig).find("table: \"3\""), 10, labels);
  EXPECT_THAT(ReadSubmission(Arguments(large)).status().message(),
              HasSubstr("with all its fields"));
}

TEST(ReadSubmission, TheShapeIsWhatMemoryDependsOn) {
  const auto shape_of = [](const std::string& more) {
    return ReadSubmission(Arguments(std::string(kConfig) + more))->shape;
  };
  EXPECT_EQ(shape_of(""), shape_of("  optimizer: {lr: 0.1}\n"));
  EXPECT_NE(shape_of(""), shape_of("  strategy: {type: tb, clip_frames: 4}\n"));
  EXPECT_NE(shape_of(""), shape_of("  model: {type: basicvsr, channels: 8}\n"));
  const auto submission = ReadSubmission(Arguments(kConfig));
  EXPECT_NE(ShapeWith(*submission, 8), ShapeWith(*submission, 4)) << "a rank has more to do";
}

TEST(Submit, ARequestIsTakenOnce) {
  World world;
  const Submission asked = world.Asking(1);
  const auto first = Submit(world.book, world.rules, asked, "job-x");
  ASSERT_TRUE(first.ok());
  world.Take(first->updates);
  EXPECT_EQ(world.Job("job-x").submission->run_dir, "runs/job-x");
  const auto again = Submit(world.book, world.rules, asked, "job-y");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->job, "job-x");
  EXPECT_TRUE(again->updates.empty());
  Submission other = asked;
  other.config_sha256 = "another";
  EXPECT_EQ(Submit(world.book, world.rules, other, "job-y").status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST(Submit, RefusesUnknownQueuesFullQueuesAndTakenIds) {
  World world;
  world.rules.jobs_waiting_max = 1;
  Submission lost = world.Asking(1);
  lost.queue = "nowhere";
  EXPECT_THAT(Submit(world.book, world.rules, lost, "job-x").status().message(),
              HasSubstr("no queue 'nowhere'; known: default"));
  const std::string job = world.Add(world.Asking(1));
  EXPECT_EQ(Submit(world.book, world.rules, world.Asking(1), "job-x").status().code(),
            absl::StatusCode::kResourceExhausted);
  world.rules.jobs_waiting_max = 2;
  EXPECT_EQ(Submit(world.book, world.rules, world.Asking(1), job).status().code(),
            absl::StatusCode::kAborted);
}

TEST(Tick, ForgetsTheOldestEndedJobsBeyondTheBound) {
  World world;
  world.rules.jobs_max = 2;
  const std::string first = world.Add(world.Asking(1));
  const std::string second = world.Add(world.Asking(1));
  const std::string third = world.Add(world.Asking(1));
  world.Cycle();
  EXPECT_EQ(world.book.jobs.size(), 3U) << "jobs that wait are never forgotten";
  for (const std::string& job : {second, first}) {
    ASSERT_TRUE(world.Try(Cancel(world.book, job, "ann")).ok());
  }
  world.Cycle();
  EXPECT_FALSE(world.book.jobs.contains(second)) << "it ended first";
  EXPECT_TRUE(world.book.jobs.contains(first));
  EXPECT_EQ(world.book.requests.size(), 2U);
}

}  // namespace
}  // namespace lrti::coordinator
