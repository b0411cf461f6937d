#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cli/ctl/runs/checkpoints.h"
#include "cli/ctl/runs/comparison.h"
#include "cli/ctl/runs/paper_table.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/test_files.h"

namespace lrti::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RunFolder : public testing::Test {
 protected:
  // A checkpoint with one file of tensors.
  std::string Checkpoint(int64_t step, const std::string& tensors) {
    const std::string path = folder_ / fmt::format("checkpoints/step-{:08d}", step);
    EXPECT_TRUE(MakeFolders(path).ok());
    EXPECT_TRUE(WriteFileAtomic(JoinPath(path, "model.safetensors"), tensors).ok());
    const nlohmann::json manifest = {
        {"format", 1},
        {"step", step},
        {"created", "2026-03-01T10:00:00.000000Z"},
        {"files",
         {{"model.safetensors", {{"bytes", tensors.size()}, {"sha256", Sha256Hex(tensors)}}}}}};
    EXPECT_TRUE(WriteFileAtomic(JoinPath(path, "manifest.json"), manifest.dump()).ok());
    return path;
  }

  TemporaryFolder folder_;
};

TEST_F(RunFolder, CheckpointsAreListedOldestFirst) {
  Checkpoint(200, "tensors");
  Checkpoint(100, "more tensors");
  const auto list = ListCheckpoints(folder_.path());
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->size(), 2u);
  EXPECT_EQ((*list)[0].step, 100);
  EXPECT_EQ((*list)[0].bytes, 12u);
  EXPECT_TRUE((*list)[1].state.ok()) << (*list)[1].state;
}

TEST_F(RunFolder, ATornFileShowsInTheListAndAnAlteredOneWhenItIsRead) {
  const std::string torn = Checkpoint(100, "tensors");
  const std::string altered = Checkpoint(200, "tensors");
  ASSERT_TRUE(WriteFileAtomic(JoinPath(torn, "model.safetensors"), "tens").ok());
  ASSERT_TRUE(WriteFileAtomic(JoinPath(altered, "model.safetensors"), "tensorS").ok());
  const auto list = ListCheckpoints(folder_.path());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(Message((*list)[0].state), HasSubstr("has 4 bytes, the manifest says 7"));
  EXPECT_TRUE((*list)[1].state.ok());
  EXPECT_TRUE(absl::IsDataLoss(VerifyCheckpoint(torn)));
  EXPECT_THAT(Message(VerifyCheckpoint(altered)), HasSubstr("model.safetensors was altered"));
  EXPECT_TRUE(VerifyCheckpoint(Checkpoint(300, "tensors")).ok());
}

TEST_F(RunFolder, AManifestCannotNameFilesElsewhere) {
  const std::string path = Checkpoint(100, "tensors");
  ASSERT_TRUE(WriteFileAtomic(JoinPath(path, "manifest.json"),
                              R"({"step":100,"created":"","files":{"../x":{}}})")
                  .ok());
  EXPECT_THAT(Message(VerifyCheckpoint(path)), HasSubstr("is no name of a checkpoint's file"));
}

TEST_F(RunFolder, TheNewestWholeCheckpointIsNeverSuperfluous) {
  Checkpoint(100, "a");
  Checkpoint(200, "b");
  for (int64_t step : {300, 400}) {
    const std::string torn = Checkpoint(step, "c");
    ASSERT_TRUE(RemoveAll(JoinPath(torn, "model.safetensors")).ok());
  }
  const auto old = Superfluous(*ListCheckpoints(folder_.path()), 1);
  ASSERT_EQ(old.size(), 2u);
  EXPECT_EQ(old[0].step, 100);
  EXPECT_EQ(old[1].step, 300);
}

TEST_F(RunFolder, ARunWithoutCheckpointsHasNone) {
  EXPECT_TRUE(ListCheckpoints(folder_.path())->empty());
  EXPECT_TRUE(absl::IsNotFound(ListCheckpoints(folder_ / "none").status()));
}

TEST_F(RunFolder, ResultsAreReadAndInfinityIsNull) {
  ASSERT_TRUE(WriteFileAtomic(folder_ / "results.json",
                              R"({"step":8,"sets":{"unseen":{"psnr":31.57,"ssim":null,
                              "bicubic_psnr":30.76,"bicubic_ssim":0.9,"channel":"rgb"}}})")
                  .ok());
  const auto results = ReadResults(folder_.path());
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_DOUBLE_EQ(results->at("unseen").psnr, 31.57);
  EXPECT_TRUE(std::isinf(results->at("unseen").ssim));
  ASSERT_TRUE(WriteFileAtomic(folder_ / "results.json", "{}").ok());
  EXPECT_TRUE(absl::IsDataLoss(ReadResults(folder_.path()).status()));
}

TEST(PaperTable, HasBicubicFirstAndDashesWhereNothingIsKnown) {
  PaperRow trained{.job_id = "lrti-a",
                   .job = {},
                   .peak_memory_bytes = 1536 << 10,
                   .gpu_seconds = 108'000,
                   .results = {}};
  trained.job.metadata.name = "tb";
  trained.results["unseen"] = {"rgb", 31.571, 0.91234, 30.76, 0.9};
  PaperRow waiting = trained;
  waiting.job_id = "lrti-b";
  waiting.job.metadata.name = "plain";
  waiting.job.spec.strategy = job::PlainStrategy{};
  waiting.results.clear();
  waiting.peak_memory_bytes = 0;
  waiting.gpu_seconds = 0;
  EXPECT_EQ(
      Render(PaperTable({trained, waiting}), Format::kTable, false),
      "method          training length  unseen RGB PSNR / SSIM  peak memory  GPU-days  name\n"
      "bicubic                       -          30.76 / 0.9000            -         -  -\n"
      "basicvsr tb        L=8 T=40 N=5          31.57 / 0.9123      1.5 MiB      1.25  tb\n"
      "basicvsr plain             L=15                       -            -         0  plain\n");
  EXPECT_EQ(PaperTable({trained}).json[0]["gpu_days"], 1.25);
}

TEST(Comparison, ShowsWhatDiffersAndWhatCameOfIt) {
  PaperRow slow{.job_id = "lrti-a",
                .job = {},
                .peak_memory_bytes = 1536 << 10,
                .gpu_seconds = 108'000,
                .results = {}};
  slow.results["unseen"] = {"rgb", 31.571, 0.91234, 30.76, 0.9};
  PaperRow fast = slow;
  fast.job_id = "lrti-b";
  fast.job.metadata.name = "another name is no difference";
  fast.job.spec.strategy = job::PlainStrategy{.clip_frames = 8};
  fast.job.spec.train.seed = slow.job.spec.train.seed + 1;
  fast.results.clear();
  const std::string shown = Render(Comparison({slow, fast}), Format::kCsv, false);
  EXPECT_THAT(shown, HasSubstr(",lrti-a,lrti-b\n"));
  EXPECT_THAT(shown, HasSubstr("spec.strategy.type,tb,plain\n"));
  EXPECT_THAT(shown, HasSubstr("spec.strategy.sequence_frames,40,-\n"));
  EXPECT_THAT(shown, HasSubstr("unseen PSNR / SSIM,31.57 / 0.9123,-\n"));
  EXPECT_THAT(shown, Not(HasSubstr("spec.model")));
  EXPECT_THAT(shown, Not(HasSubstr("clip_frames")));
  EXPECT_EQ(Comparison({slow, fast}).json[1]["fields"]["spec.strategy.type"], "plain");
}

}  // namespace
}  // namespace lrti::ctl
