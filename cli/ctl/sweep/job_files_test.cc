#include "cli/ctl/sweep/job_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/config/dump.h"

namespace lrti::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string kJob =
    "apiVersion: lrti/v1\n"
    "kind: TrainingJob\n"
    "metadata: {name: small, project: demo}\n"
    "spec:\n"
    "  data:\n"
    "    train: {path: a/train.mp4, lr_path: b/train.mp4}\n"
    "    eval: [{name: unseen, path: ../eval.mp4, lr_path: lr.mp4}]\n"
    "  train: {init_from: c/weights.pth, flow_init_from: flow.pth}\n";

class JobFiles : public testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = folder_ / "job.yaml";
    EXPECT_TRUE(WriteFileAtomic(path, text).ok());
    return path;
  }

  TemporaryFolder folder_;
};

TEST_F(JobFiles, APlainFileIsOneJobWithAbsolutePaths) {
  const auto file = ReadJobFile(Write(kJob), {"spec.train.iterations=7"});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_FALSE(file->is_sweep);
  ASSERT_EQ(file->jobs.size(), 1u);
  EXPECT_EQ(file->jobs[0].spec.data.train.source.path, folder_ / "a/train.mp4");
  EXPECT_EQ(file->jobs[0].spec.train.iterations, 7);
}

TEST_F(JobFiles, ASweepIsOneJobForEachValueWithNumberAndLabel) {
  const auto file = ReadJobFile(Write(kJob + "sweep: {grid: {spec.optimizer.lr: [1e-4, 2e-4]}}\n"),
                                {"metadata.name=other"});
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->is_sweep);
  EXPECT_EQ(file->name, "other");
  ASSERT_EQ(file->jobs.size(), 2u);
  EXPECT_EQ(file->jobs[1].metadata.name, "other-02");
  EXPECT_DOUBLE_EQ(file->jobs[1].spec.optimizer.lr, 2e-4);
  EXPECT_THAT(file->jobs[1].metadata.labels, ElementsAre(Pair("optimizer.lr", "2e-4")));
}

TEST_F(JobFiles, AJobOfASweepHasTheSamePathsAsTheFileWithoutIt) {
  auto swept = ReadJobFile(Write(kJob + "sweep: {grid: {spec.train.seed: [1]}}\n"), {});
  ASSERT_TRUE(swept.ok()) << swept.status();
  job::Job& job = swept->jobs[0];
  job.metadata.name = "small";
  job.metadata.labels.clear();
  const auto plain = ReadJobFile(Write(kJob), {});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(config::Dump(job), config::Dump(plain->jobs[0]));
}

TEST_F(JobFiles, AValueThatAJobCannotHaveIsNamed) {
  const auto file =
      ReadJobFile(Write(kJob + "sweep: {grid: {spec.train.iterations: [10, 0]}}\n"), {});
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(file.status()), HasSubstr("job.yaml: with spec.train.iterations=0:\n"));
  EXPECT_THAT(Message(file.status()), HasSubstr("0 is below 1"));
}

TEST_F(JobFiles, AMissingFileIsTheCallersMistake) {
  const auto file = ReadJobFile(folder_ / "none.yaml", {});
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(file.status()), HasSubstr("none.yaml"));
}

TEST_F(JobFiles, WhatIsNoYamlIsNamedWithItsFile) {
  const auto file = ReadJobFile(Write("spec: [1"), {});
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(file.status()), HasSubstr("job.yaml:\n"));
}

}  // namespace
}  // namespace lrti::ctl
