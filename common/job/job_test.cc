#include "common/job/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/config/describe.h"
#include "common/config/dump.h"
#include "common/config/load.h"
#include "common/config/override.h"
#include "common/config/random_for_test.h"

namespace lrti::job {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSmallest = R"(metadata: {name: run}
spec: {data: {train: {path: videos}}}
)";

/// Parse's message for the smallest job with these overrides; empty: it is in order.
std::string ErrorWith(const std::vector<std::string>& overrides) {
  const auto yaml = config::ApplyOverrides(kSmallest, overrides);
  EXPECT_TRUE(yaml.ok()) << yaml.status();
  return Message(Parse(*yaml).status());
}

/// The message without its `(line N)`.
std::string ErrorWithoutLines(const std::vector<std::string>& overrides) {
  std::string message = ErrorWith(overrides);
  for (size_t at; (at = message.find(" (line")) != std::string::npos;) {
    message.erase(at, message.find(')', at) + 1 - at);
  }
  return message;
}

TEST(Parse, NeedsOnlyANameAndVideos) {
  const auto job = Parse(kSmallest);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->metadata.name, "run");
  EXPECT_EQ(job->spec.data.train.source.path, "videos");
  EXPECT_EQ(std::get<TbStrategy>(job->spec.strategy).sequence_frames, 40);
  EXPECT_EQ(std::get<BasicVsrOptions>(job->spec.model).blocks, 30);
}

TEST(Parse, ReadsAJobAsAPersonWritesIt) {
  const auto job = Parse(R"(
apiVersion: lrti/v1
kind: TrainingJob
metadata: {name: small-tb8, project: ablation, labels: {table: "3"}}
spec:
  model: {type: basicvsr, channels: 32, blocks: 6, flow: none}
  data:
    train: {path: /data/REDS/train_sharp, layout: reds, partition: reds4, crop: 64,
            degradation: {type: bicubic}}
    eval: [{name: reds4, path: /data/REDS/train_sharp, clips: ["000", 011], channel: rgb}]
  strategy: {type: plain, clip_frames: 8}
  optimizer: {type: adam, lr: 2e-4, flow_lr_factor: 0.125, schedule: {type: cosine, min_lr: 1e-7}}
  train: {iterations: 300000, global_batch: 8, precision: bf16, time_max: 12h}
  cache: {mode: memory, dtype: bf16, staleness_steps_max: 8}
  resources: {gpus: 8, max_restarts: {infra: 3}}
)");
  ASSERT_TRUE(job.ok()) << job.status();
  const Spec& spec = job->spec;
  EXPECT_EQ(std::get<BasicVsrOptions>(spec.model).flow, Flow::kNone);
  EXPECT_EQ(spec.data.train.source.layout, Layout::kClips);
  EXPECT_EQ(spec.data.train.partition, Partition::kReds4);
  EXPECT_THAT(spec.data.eval.at(0).source.clips, ::testing::ElementsAre("000", "011"));
  EXPECT_EQ(std::get<PlainStrategy>(spec.strategy).clip_frames, 8);
  EXPECT_EQ(spec.optimizer.lr, 2e-4);
  EXPECT_EQ(spec.train.time_max, absl::Hours(12));
  EXPECT_EQ(spec.cache.dtype, StateDtype::kBf16);
  EXPECT_EQ(spec.resources.max_restarts.infra, 3);
}

TEST(Parse, AsksForWhatIsMissing) {
  EXPECT_EQ(Message(Parse("").status()),
            "metadata: missing; Who the job is.\nspec: missing; What the job does.");
  EXPECT_EQ(Message(Parse("{metadata: {}, spec: {data: {train: {}}}}").status()),
            "metadata.name: missing; Name of the run and of its folder.\n"
            "spec.data.train.path: missing; A video file, a folder of frames, or a folder of such "
            "folders (HR). Relative paths start at the config file's folder.");
}

TEST(Parse, RefusesASlipOfTheFinger) {
  EXPECT_THAT(ErrorWithoutLines({"spec.train.iteratons=1"}),
              ::testing::StartsWith("spec.train.iteratons: unknown key; did you mean 'iterations'? "
                                    "known: iterations, global_batch"));
  EXPECT_EQ(ErrorWithoutLines({"apiVersion=lrti/v2"}),
            "apiVersion: 'lrti/v2' is not 'lrti/v1', the only one known");
}

struct Case {
  std::vector<std::string> overrides;
  const char* message;
};

TEST(Parse, RefusesFieldsThatCannotHoldTogether) {
  const std::array cases = {
      Case{{"spec.strategy={type: tb, clip_frames: 12, sequence_frames: 8}"},
           "spec.strategy.clip_frames: 12 is above sequence_frames (8); shorten the clip or "
           "lengthen the sequence"},
      Case{
          {"spec.strategy={type: tb, clip_frames: 7, sequence_frames: 8}"},
          "spec.strategy.sequence_frames: 8 leaves no interior clip of 7 with its boundary states; "
          "at least 9, or start: full"},
      Case{{"spec.strategy={type: pi, clip_frames: 12, sequence_frames: 8}"},
           "spec.strategy.clip_frames: 12 is above sequence_frames (8); shorten the clip or "
           "lengthen the sequence"},
      Case{
          {"spec.strategy={type: pi, clip_frames: 8, sequence_frames: 9}"},
          "spec.strategy.sequence_frames: 9 leaves no interior clip of 8 with its boundary states; "
          "at least 10, or start: full"},
      Case{{"spec.data.train.last_frame=38"},
           "spec.strategy.sequence_frames: needs 40 frames, but spec.data.train takes 39 of each "
           "video (first_frame to last_frame)"},
      Case{{"spec.data.train.last_frame=13", "spec.strategy={type: plain}"},
           "spec.strategy.clip_frames: needs 15 frames, but spec.data.train takes 14 of each video "
           "(first_frame to last_frame)"},
      Case{{"spec.data.train.last_frame=15", "spec.strategy={type: pi}"},
           "spec.strategy.clip_frames: needs 17 frames, but spec.data.train takes 16 of each video "
           "(first_frame to last_frame)"},
      Case{{"spec.data.train.first_frame=50", "spec.data.train.last_frame=9"},
           "spec.data.train.last_frame: 9 lies before first_frame (50); -1 means to the end"},
      Case{{"spec.train.micro_batch=9"},
           "spec.train.micro_batch: 9 is above global_batch (8); lower it, or 0 for the whole "
           "batch"},
      Case{{"spec.train.ema_decay=1"},
           "spec.train.ema_decay: must be below 1: 1 never follows the weights; 0 turns it off"},
      Case{{"spec.optimizer.betas=[0.9, 1]"},
           "spec.optimizer.betas.1: must be below 1: 1 never learns"},
      Case{
          {"spec.optimizer.lr=1e-8"},
          "spec.optimizer.schedule.min_lr: 1e-07 is above lr (1e-08), from which the cosine falls; "
          "lower it or raise lr"},
      Case{{"spec.data.train.crop=7"},
           "spec.data.train.crop: 7 is too small; at least 8, or 0 for whole frames"},
      Case{{"spec.data.eval.0.path=x", "spec.data.eval.0.crop=1"},
           "spec.data.eval.0.crop: 1 is too small; at least 8, or 0 for whole frames"},
      Case{{"spec.data.eval.0.path=x", "spec.data.eval.1.path=y"},
           "spec.data.eval.1.name: 'eval' names an earlier set already; name each set differently"},
      Case{{"spec.data.eval=[{path: x, name: a/b}]"},
           "spec.data.eval.0.name: names files: use 1 to 100 letters, digits, '.', '_' and '-', "
           "and no '.' in front"},
      Case{{"spec.model={type: psrt, depths: [2, 2], heads: [6]}"},
           "spec.model.heads: has 1 entries, but depths has 2; give as many"},
      Case{{"spec.model={type: iiab, depths: [], heads: []}"},
           "spec.model.depths: has no entry; give one for each group of blocks"},
      Case{{"spec.model={type: lrti_vsr, depths: [6, 6], heads: [6, 7]}"},
           "spec.model.heads.1: 7 does not divide embed_dim (120)"},
      Case{{"spec.model={type: basicvsr_plusplus, channels: 20}"},
           "spec.model.offset_groups: 16 is odd or does not divide twice the channels (40)"},
      Case{{"spec.model={type: basicvsr_plusplus, channels: 9, offset_groups: 9}"},
           "spec.model.offset_groups: 9 is odd or does not divide twice the channels (18)"},
      Case{
          {"spec.model={type: lrti_vsr, window: 16}", "spec.data.train.crop=15"},
          "spec.data.train.crop: 15 is smaller than spec.model.window; at least 16, or 0 for whole "
          "frames"},
      Case{{"spec.model={type: lrti_vsr, window: 16}", "spec.data.eval=[{path: x, crop: 12}]"},
           "spec.data.eval.0.crop: 12 is smaller than spec.model.window; at least 16, or 0 for "
           "whole frames"},
      Case{{"spec.model={type: basicvsr, frame_numbers: 100}", "spec.strategy={type: plain}"},
           "spec.model.frame_numbers: needs a strategy with spec.strategy.sequence_frames, such as "
           "tb; 0 turns it off"},
      Case{{"spec.resources.gpus=3"},
           "spec.resources.gpus: 3 does not divide spec.train.global_batch (8), which all ranks "
           "share equally"},
      Case{{"spec.resources.gpus=4", "spec.resources.gpus_min=8"},
           "spec.resources.gpus_min: 8 is above gpus (4); lower it, or 0 for the same"},
      Case{{"spec.cache.endpoints=['unix:/x']"},
           "spec.cache.endpoints: are of mode service alone; set spec.cache.mode to service"},
      Case{{"spec.data.eval=[{path: x, first_frame: 3, last_frame: 2}]"},
           "spec.data.eval.0.last_frame: 2 lies before first_frame (3); -1 means to the end"},
  };
  for (const auto& [overrides, message] : cases) {
    SCOPED_TRACE(::testing::PrintToString(overrides));
    EXPECT_EQ(ErrorWithoutLines(overrides), message);
  }
}

TEST(Parse, AllowsWhatJustHoldsTogether) {
  const std::vector<std::vector<std::string>> cases = {
      {"spec.strategy={type: tb, clip_frames: 8, sequence_frames: 10}"},
      {"spec.strategy={type: tb, clip_frames: 8, sequence_frames: 8, start: full}"},
      {"spec.strategy={type: pi, clip_frames: 8, sequence_frames: 10}"},
      {"spec.strategy={type: plain, clip_frames: 1}"},
      {"spec.data.train.last_frame=39"},
      {"spec.data.train.first_frame=100"},
      {"spec.train.micro_batch=8"},
      {"spec.train.micro_batch=3"},
      {"spec.optimizer.lr=1e-8", "spec.optimizer.schedule.type=constant"},
      {"spec.resources={gpus: 8, gpus_min: 3}"},
      {"spec.cache.mode=service"},
      {"spec.data.train.crop=8"},
      {"spec.model={type: lrti_vsr, depths: [6], heads: [6]}"},
      {"spec.model={type: psrt, window: 16}", "spec.data.train.crop=16"},
      {"spec.model={type: iiab, window: 64}", "spec.data.train.crop=0"},
      {"spec.model={type: basicvsr_plusplus, channels: 20, offset_groups: 10}"},
      {"spec.model={type: frvsr, degradation: bd}"},
      {"spec.model={type: lrti_vsr, frame_numbers: 100}", "spec.strategy={type: pi}"},
      {"spec.data.eval=[{path: x, name: a}, {path: x, name: b}]"},
  };
  for (const auto& overrides : cases) {
    SCOPED_TRACE(::testing::PrintToString(overrides));
    EXPECT_EQ(ErrorWith(overrides), "");
  }
}

TEST(Parse, AsksForARunNameThatCanBeAFolder) {
  for (const char* name : {"a/b", "..", ".hidden", "a b", "'a\\b'", "grün", "\"\\n\""}) {
    SCOPED_TRACE(name);
    EXPECT_THAT(ErrorWithoutLines({std::string("metadata.name=") + name}),
                ::testing::StartsWith("metadata.name: names files: use 1 to 100 letters"));
  }
  EXPECT_NE(ErrorWith({"metadata.name=" + std::string(101, 'a')}), "");
  EXPECT_EQ(ErrorWith({"metadata.name=" + std::string(100, 'a')}), "");
  EXPECT_EQ(ErrorWith({"metadata.name=lrti_small-tb8.v2"}), "");
}

TEST(Parse, TellsFieldsAndRulesAtOnceWithTheirLines) {
  EXPECT_EQ(Message(Parse("metadata:\n"
                          "  name: a/b\n"
                          "spec:\n"
                          "  data: {train: {path: x}}\n"
                          "  train:\n"
                          "    iterations: 0\n"
                          "    micro_batch: 9\n")
                        .status()),
            "spec.train.iterations (line 6): 0 is below 1\n"
            "metadata.name (line 2): names files: use 1 to 100 letters, digits, '.', '_' and '-', "
            "and no '.' in front\n"
            "spec.train.micro_batch (line 7): 9 is above global_batch (8); lower it, or 0 for the "
            "whole batch");
}

TEST(Parse, KeepsRulesOffFieldsThatAreWrongByThemselves) {
  EXPECT_EQ(ErrorWithoutLines({"spec.strategy={type: tb, clip_frames: many, sequence_frames: 4}"}),
            "spec.strategy.clip_frames: 'many' is not a whole number");
  EXPECT_EQ(ErrorWithoutLines({"spec.optimizer.lr=-1"}), "spec.optimizer.lr: -1 is below 0");
}

TEST(Job, IsReadBackFromItsDumpWhateverItsValues) {
  const config::Type type = config::TypeOf<Job>();
  std::mt19937_64 random(11);
  for (int i = 0; i < 200; ++i) {
    const std::string text = config::EmitYaml(config::RandomTree(type, random));
    const auto job = config::Load<Job>(text);
    ASSERT_TRUE(job.ok()) << job.status() << "\n" << text;
    ASSERT_EQ(config::Dump(*job), text);
  }
}

TEST(Job, HasEveryKeyInItsReference) {
  const std::string reference = config::Reference<Job>("Jobs");
  for (const char* heading :
       {"## `metadata`", "## `spec`", "## `spec.model`", "### `spec.model` with `type: basicvsr`",
        "### `spec.model` with `type: lrti_vsr`", "## `spec.data.train`",
        "## `spec.data.train.degradation`", "## `spec.data.eval[]`",
        "### `spec.strategy` with `type: tb`", "### `spec.strategy` with `type: pi`",
        "## `spec.optimizer.schedule`", "## `spec.resources.max_restarts`"}) {
    EXPECT_THAT(reference, HasSubstr(heading));
  }
  const auto expect_rows = [&](const auto& self, const config::Node& node) -> void {
    for (const config::Entry& entry : node.entries) {
      EXPECT_THAT(reference, HasSubstr("| `" + entry.key + "` |"));
      self(self, entry.value);
    }
    for (const config::Node& item : node.items) self(self, item);
  };
  Job job;
  job.spec.data.eval.emplace_back();
  expect_rows(expect_rows, config::ToNode(job));
}

TEST(Job, HasASchemaForEditors) {
  const auto schema = config::JsonSchema<Job>();
  EXPECT_EQ(schema["properties"]["apiVersion"]["const"], "lrti/v1");
  EXPECT_EQ(schema["properties"]["metadata"]["properties"]["name"]["minLength"], 1);
  const auto& spec = schema["properties"]["spec"]["properties"];
  EXPECT_EQ(spec["strategy"]["oneOf"].size(), 3);
  EXPECT_EQ(spec["strategy"]["oneOf"][1]["properties"]["type"]["default"], "tb");
  EXPECT_EQ(spec["data"]["properties"]["train"]["properties"]["path"]["type"], "string");
  EXPECT_EQ(spec["train"]["properties"]["time_max"]["default"], "0s");
}

TEST(Order, IsWhatTheNetworkNeeds) {
  EXPECT_EQ(Order(BasicVsrOptions{}), 1);
  EXPECT_EQ(Order(PsrtOptions{}), 2);
  EXPECT_EQ(Order(IiabOptions{}), 2);
  EXPECT_EQ(Order(LrtiVsrOptions{}), 2);
}

class ParseFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return path_;
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "job.yaml";
};

TEST_F(ParseFileTest, MakesDataPathsStartAtTheFilesFolder) {
  Write(R"(metadata: {name: run}
spec:
  data:
    train: {path: videos/hr, lr_path: ../lr}
    eval: [{path: /abs/set}, {path: set, name: b}]
  train: {init_from: runs/a, flow_init_from: spynet.pth}
)");
  const auto job = ParseFile(path_, {});
  ASSERT_TRUE(job.ok()) << job.status();
  const Spec& spec = job->spec;
  const std::filesystem::path above = std::filesystem::path(folder_.path()).parent_path();
  EXPECT_EQ(spec.data.train.source.path, folder_ / "videos/hr");
  EXPECT_EQ(spec.data.train.source.lr_path, (above / "lr").string());
  EXPECT_EQ(spec.data.eval[0].source.path, "/abs/set");
  EXPECT_EQ(spec.data.eval[0].source.lr_path, "");
  EXPECT_EQ(spec.data.eval[1].source.path, folder_ / "set");
  EXPECT_EQ(spec.train.init_from, folder_ / "runs/a");
  EXPECT_EQ(spec.train.flow_init_from, folder_ / "spynet.pth");
}

TEST_F(ParseFileTest, AppliesOverridesBeforeItChecks) {
  Write("metadata: {name: run}\nspec: {train: {iterations: 0}}\n");
  const auto job = ParseFile(path_, {"spec.train.iterations=7", "spec.data.train.path=v"});
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec.train.iterations, 7);
  EXPECT_EQ(job->spec.data.train.source.path, folder_ / "v");
}

TEST_F(ParseFileTest, NamesTheFileAboveTheFindings) {
  Write("metadata: {name: run}\nspec: {data: {train: {path: x}}, train: {iterations: 0}}\n");
  const auto job = ParseFile(path_, {"spec.train.micro_batch=9"});
  EXPECT_EQ(job.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(job.status()),
            path_ +
                ":\nspec.train.iterations (line 2): 0 is below 1\n"
                "spec.train.micro_batch (override): 9 is above global_batch (8); lower it, or 0 "
                "for the whole batch");
}

TEST_F(ParseFileTest, RefusesWhatIsNoConfigFile) {
  EXPECT_EQ(ParseFile(folder_ / "none.yaml", {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(ParseFile(folder_ / "none.yaml", {}).status()),
              HasSubstr(folder_ / "none.yaml"));

  EXPECT_EQ(ParseFile(folder_.path(), {}).status().code(), absl::StatusCode::kInvalidArgument);

  Write(std::string(config::kTextBytesMax + 1, 'a'));
  EXPECT_EQ(ParseFile(path_, {}).status().code(), absl::StatusCode::kInvalidArgument);

  Write(std::string("\x7f\x45LF\0\0", 6));
  EXPECT_EQ(Message(ParseFile(path_, {}).status()),
            path_ + ":\nbyte 0 (0x7f) is not UTF-8 text; is this a YAML file?");
}

}  // namespace
}  // namespace lrti::job
