#include "train/checkpoint/checkpoint.h"

#include <ATen/ATen.h>

#include <filesystem>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "train/checkpoint/manifest.h"
#include "train/checkpoint/publish.h"

namespace lrti::checkpoint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Snapshot MakeSnapshot(int64_t step) {
  Snapshot snapshot;
  snapshot.step = step;
  snapshot.lineage = 0xfedcba9876543210ULL;
  snapshot.extra = {{"sampler", {{"seed", 18446744073709551615ULL}, {"drawn", step}}}};
  const auto value = static_cast<double>(step);
  snapshot.groups["model"] = {{"w", at::full({3, 4}, value)}, {"b", at::full({}, value)}};
  snapshot.groups["optimizer"] = {{"w.m", at::full({3, 4}, -value, at::kDouble)}};
  snapshot.groups["states"] = {};
  snapshot.config = "kind: TrainingJob\n";
  return snapshot;
}

void ExpectSame(const Snapshot& got, const Snapshot& wanted) {
  EXPECT_EQ(got.step, wanted.step);
  EXPECT_EQ(got.lineage, wanted.lineage);
  EXPECT_EQ(got.extra, wanted.extra);
  EXPECT_EQ(got.config, wanted.config);
  ASSERT_EQ(got.groups.size(), wanted.groups.size());
  for (const auto& [group, tensors] : wanted.groups) {
    ASSERT_TRUE(got.groups.contains(group)) << group;
    ASSERT_EQ(got.groups.at(group).size(), tensors.size()) << group;
    for (const auto& [name, tensor] : tensors) {
      EXPECT_TRUE(got.groups.at(group).at(name).equal(tensor)) << group << " " << name;
    }
  }
}

std::string Save(const std::string& root, int64_t step) {
  absl::StatusOr<Info> info = WriteCheckpoint(root, MakeSnapshot(step));
  EXPECT_TRUE(info.ok()) << info.status();
  return info->path;
}

std::vector<std::string> Names(const std::string& path) { return ListFolder(path).value(); }

void Flip(const std::string& path, size_t at) {
  std::string bytes = Content(path);
  bytes.at(at) = static_cast<char>(bytes[at] ^ 1);
  ASSERT_TRUE(WriteFileAtomic(path, bytes).ok());
}

const OnBad kNoneIsBad = [](const std::string& path, const absl::Status& error) {
  ADD_FAILURE() << path << ": " << error;
};

TEST(Checkpoint, ComesBackAsItWasWritten) {
  const TemporaryFolder root;
  const absl::StatusOr<Info> info = WriteCheckpoint(root / "deep/checkpoints", MakeSnapshot(1000));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->path, root / "deep/checkpoints/step-00001000");
  EXPECT_THAT(Names(info->path), ElementsAre("config.yaml", "manifest.json", "model.safetensors",
                                             "optimizer.safetensors", "states.safetensors"));
  uint64_t bytes = 0;
  for (const std::string& name : Names(info->path))
    bytes += Content(JoinPath(info->path, name)).size();
  EXPECT_EQ(info->bytes, bytes);
  const auto snapshot = ReadCheckpoint(info->path);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  ExpectSame(*snapshot, MakeSnapshot(1000));
}

TEST(Checkpoint, TheManifestSaysWhatOthersNeed) {
  const TemporaryFolder root;
  const auto info =
      WriteCheckpoint(root.path(), MakeSnapshot(7), absl::FromUnixMicros(1'700'000'000'000'042));
  ASSERT_TRUE(info.ok()) << info.status();
  const auto manifest = nlohmann::json::parse(Content(JoinPath(info->path, "manifest.json")));
  EXPECT_EQ(manifest["format"], 1);
  EXPECT_EQ(manifest["step"], 7);
  EXPECT_EQ(manifest["created"], "2023-11-14T22:13:20.000042Z");
  EXPECT_EQ(manifest["lineage"], "fedcba9876543210");
  EXPECT_EQ(manifest["files"].size(), 4u);
  EXPECT_EQ(manifest["files"]["config.yaml"]["bytes"], 18);
  EXPECT_EQ(manifest["files"]["config.yaml"]["sha256"], Sha256Hex("kind: TrainingJob\n"));
}

TEST(Checkpoint, OneOfTheSameStepIsReplacedWhole) {
  const TemporaryFolder root;
  Save(root.path(), 5);
  Snapshot other = MakeSnapshot(5);
  other.config = "changed: true\n";
  other.groups.erase("optimizer");
  ASSERT_TRUE(WriteCheckpoint(root.path(), other).ok());
  EXPECT_THAT(Names(root.path()), ElementsAre("step-00000005"));
  ExpectSame(*ReadCheckpoint(root / "step-00000005"), other);
}

TEST(Checkpoint, IsReplacedWhereNamesCannotBeSwapped) {
  const TemporaryFolder root;
  const std::string old = Save(root.path(), 5), fresh = Save(root / "elsewhere", 6);
  const std::string temporary = root / ".tmp-step-00000005.1";
  std::filesystem::rename(fresh, temporary);

  ASSERT_TRUE(PublishInSteps(temporary, old).ok());

  ExpectSame(*ReadCheckpoint(old), MakeSnapshot(6));
  ExpectSame(*ReadCheckpoint(temporary), MakeSnapshot(5));
  EXPECT_THAT(Names(root.path()),
              ElementsAre(".tmp-step-00000005.1", "elsewhere", "step-00000005"));
  ASSERT_TRUE(PublishInSteps(temporary, root / "step-00000007").ok());  // a name that is free
  ExpectSame(*ReadCheckpoint(root / "step-00000007"), MakeSnapshot(5));
}

TEST(Checkpoint, AGroupCannotNameAFileElsewhere) {
  const TemporaryFolder root;
  for (const char* name : {"", "../x", "a/b", "A", ".tmp"}) {
    Snapshot snapshot = MakeSnapshot(1);
    snapshot.groups[name] = {};
    EXPECT_EQ(WriteCheckpoint(root.path(), snapshot).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_THAT(Names(root.path()), IsEmpty());
}

TEST(Checkpoint, AFlippedByteInAnyFileIsFoundAndNamed) {
  const TemporaryFolder root;
  for (const std::string name : {"model.safetensors", "optimizer.safetensors", "config.yaml"}) {
    const std::string path = Save(root.path(), 1);
    const size_t size = Content(JoinPath(path, name)).size();
    for (const size_t at : {size_t{0}, size_t{9}, size / 2, size - 1}) {
      Flip(JoinPath(path, name), at);
      const absl::Status status = ReadCheckpoint(path).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_THAT(Message(status),
                  HasSubstr(fmt::format("{}: altered or torn: {} has sha256 ", path, name)));
      EXPECT_THAT(Message(status), HasSubstr(", manifest says "));
      EXPECT_EQ(VerifyCheckpoint(path).status(), status);
      Flip(JoinPath(path, name), at);
    }
    EXPECT_TRUE(VerifyCheckpoint(path).ok());
  }
}

TEST(Checkpoint, ATornOrMissingFileIsFoundAndNamed) {
  const TemporaryFolder root;
  const std::string path = Save(root.path(), 1);
  const std::string file = JoinPath(path, "model.safetensors");
  const std::string whole = Content(file);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8}, size_t{100}, whole.size() - 1}) {
    ASSERT_TRUE(WriteFileAtomic(file, whole.substr(0, size)).ok());
    EXPECT_EQ(ReadCheckpoint(path).status(),
              DataLoss("{}: altered or torn: model.safetensors has {} bytes, manifest says {}",
                       path, size, whole.size()));
  }
  ASSERT_TRUE(RemoveAll(file).ok());
  EXPECT_EQ(ReadCheckpoint(path).status(),
            DataLoss("{}: altered or torn: model.safetensors is missing, manifest names it", path));
}

TEST(Checkpoint, AManifestThatIsNoneIsRefused) {
  const TemporaryFolder root;
  const std::string path = Save(root.path(), 1);
  const std::string manifest = JoinPath(path, "manifest.json");
  const auto good = nlohmann::ordered_json::parse(Content(manifest));
  const auto with = [&](const std::string& field, const nlohmann::ordered_json& value) {
    auto changed = good;
    changed[field] = value;
    return changed.dump();
  };
  const auto file = [&](const std::string& name, const nlohmann::ordered_json& value) {
    auto changed = good;
    changed["files"][name] = value;
    return changed.dump();
  };
  const nlohmann::ordered_json empty = {{"bytes", 0}, {"sha256", Sha256Hex("")}};
  struct Case {
    std::string text;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"", "is not a JSON object"},
      {Content(manifest).substr(0, 100), "is not a JSON object"},
      {"[]", "is not a JSON object"},
      {"{}", "has no 'format'"},
      {with("format", "1"), "format is not a number"},
      {with("format", 2), "has format 2; this program reads format 1"},
      {with("step", -1), "step is not a number of steps"},
      {with("created", "yesterday"), "created is not a time"},
      {with("lineage", 5), "lineage is not 16 hex digits"},
      {with("lineage", "fedcba987654321g"), "lineage is not 16 hex digits"},
      {with("extra", 5), "extra is not an object"},
      {with("files", 5), "files is not an object"},
      {with("files", nlohmann::ordered_json::object()), "does not name config.yaml"},
      {file("../../etc/passwd", empty), "is not the name of a checkpoint's file"},
      {file("../model.safetensors", empty), "is not the name of a checkpoint's file"},
      {file("model.safetensors", 5), "model.safetensors has no bytes and sha256"},
      {file("model.safetensors", {{"bytes", 0}, {"sha256", "abc"}}), "has no bytes and sha256"},
  };
  for (const auto& [text, message] : cases) {
    SCOPED_TRACE(text.substr(0, 80));
    ASSERT_TRUE(WriteFileAtomic(manifest, text).ok());
    const absl::Status status = ReadCheckpoint(path).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(Message(status), HasSubstr(manifest + ": "));
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
  ASSERT_TRUE(RemoveAll(manifest).ok());
  EXPECT_THAT(Message(ReadCheckpoint(path).status()), HasSubstr("manifest.json is missing"));
  EXPECT_EQ(ReadCheckpoint(root / "none").status().code(), absl::StatusCode::kNotFound);
}

TEST(Checkpoint, AFullDiskLeavesThePreviousOneAndNothingElse) {
  const TemporaryFolder root;
  Save(root.path(), 1);
  Snapshot large = MakeSnapshot(2);
  large.groups["optimizer"]["big"] = at::ones({100'000});
  for (const int64_t step : {int64_t{2}, int64_t{1}}) {  // a new one, and one in place of another
    large.step = step;
    absl::Status status;
    {
      const FileSizeLimit limit(50'000);  // model fits, optimizer does not
      status = WriteCheckpoint(root.path(), large).status();
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(Message(status), HasSubstr("optimizer.safetensors"));
    EXPECT_THAT(Names(root.path()), ElementsAre("step-00000001"));
    ExpectSame(*ReadCheckpoint(root / "step-00000001"), MakeSnapshot(1));
  }
}

TEST(ListCheckpoints, OrdersByStepAndIgnoresOtherNames) {
  const TemporaryFolder root;
  for (const char* name :
       {"step-00000010", "step-00000009", "step-123456789", "step-0000001x", "step-1",
        "step--0000001", "step-", ".tmp-step-00000011.7", "other", "step-99999999999999999999"}) {
    ASSERT_TRUE(MakeFolders(root / name).ok());
  }
  std::vector<int64_t> steps;
  const std::vector<Entry> entries = ListCheckpoints(root.path()).value();
  for (const Entry& entry : entries) steps.push_back(entry.step);
  EXPECT_THAT(steps, ElementsAre(9, 10, 123456789));
  EXPECT_THAT(ListCheckpoints(root / "none").value(), IsEmpty());
}

TEST(FindNewest, SkipsDamagedOnesAndTellsOfEach) {
  const TemporaryFolder root;
  for (const int64_t step : {1, 2, 3, 4}) Save(root.path(), step);
  Flip(root / "step-00000004/model.safetensors", 200);
  ASSERT_TRUE(RemoveAll(root / "step-00000003/manifest.json").ok());
  std::vector<std::string> bad;
  const auto found =
      FindNewest(root.path(), [&](const std::string& path, const absl::Status& error) {
        EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
        bad.push_back(path);
      });
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->path, root / "step-00000002");
  ExpectSame(found->snapshot, MakeSnapshot(2));
  EXPECT_THAT(bad, ElementsAre(root / "step-00000004", root / "step-00000003"));
}

TEST(FindNewest, RefusesAFolderUnderAnothersName) {
  const TemporaryFolder root;
  std::filesystem::rename(Save(root.path(), 1), root / "step-00000009");
  std::vector<std::string> bad;
  const auto found = FindNewest(
      root.path(), [&](const std::string& path, const absl::Status&) { bad.push_back(path); });
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(found.status()), HasSubstr("(1 damaged)"));
  EXPECT_THAT(bad, ElementsAre(root / "step-00000009"));
}

TEST(FindNewest, SaysWhenThereIsNone) {
  const TemporaryFolder root;
  EXPECT_EQ(FindNewest(root / "none", kNoneIsBad).status().code(), absl::StatusCode::kNotFound);
}

TEST(Prune, KeepsTheNewest) {
  const TemporaryFolder root;
  for (const int64_t step : {1, 2, 3, 4, 5}) Save(root.path(), step);
  ASSERT_TRUE(Prune(root.path(), 2).ok());
  EXPECT_THAT(Names(root.path()), ElementsAre("step-00000004", "step-00000005"));
  ASSERT_TRUE(Prune(root.path(), 9).ok());
  EXPECT_EQ(Names(root.path()).size(), 2u);
}

TEST(Prune, NeverDeletesTheNewestWholeOne) {
  const TemporaryFolder root;
  for (const int64_t step : {1, 2, 3, 4}) Save(root.path(), step);
  Flip(root / "step-00000004/model.safetensors", 200);
  Flip(root / "step-00000003/config.yaml", 2);
  ASSERT_TRUE(Prune(root.path(), 1).ok());
  EXPECT_THAT(Names(root.path()), ElementsAre("step-00000002", "step-00000004"));
  EXPECT_EQ(FindNewest(root.path(), [](const std::string&, const absl::Status&) {})->path,
            root / "step-00000002");
}

TEST(RemoveLeftovers, ClearsWhatACrashLeft) {
  const TemporaryFolder root;
  const std::string path = Save(root.path(), 1);
  std::filesystem::copy(path, root / ".tmp-step-00000002.4711");
  std::filesystem::copy(path, root / ".tmp-delete-step-00000000.4711");
  ASSERT_TRUE(RemoveLeftovers(root.path()).ok());
  EXPECT_THAT(Names(root.path()), ElementsAre("step-00000001"));
  EXPECT_TRUE(RemoveLeftovers(root / "none").ok());
}

}  // namespace
}  // namespace lrti::checkpoint
