#include "train/report/jsonl.h"

#include <cmath>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Steps `first`..`last`, as a trainer writes them: an evaluation after every second.
void Train(const std::string& path, int64_t kept, int64_t last) {
  absl::StatusOr<JsonlWriter> writer = JsonlWriter::Open(path, kept);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (int64_t step = kept + 1; step <= last; ++step) {
    ASSERT_TRUE(writer->Write({{"step", step}, {"loss", 1.0 / static_cast<double>(step)}}).ok());
    if (step % 2 == 0) {
      ASSERT_TRUE(writer->Write({{"step", step}, {"psnr", 30}}).ok());
    }
  }
}

TEST(JsonlWriter, AResumedRunLeavesTheLinesOfAnUnbrokenOne) {
  const TemporaryFolder folder;
  Train(folder / "unbroken", 0, 10);
  Train(folder / "resumed", 0, 7);
  Train(folder / "resumed", 4, 9);
  Train(folder / "resumed", 9, 10);
  EXPECT_EQ(Content(folder / "resumed"), Content(folder / "unbroken"));
  EXPECT_THAT(*ListFolder(folder.path()), ElementsAre("resumed", "unbroken"));
}

TEST(JsonlWriter, AFreshRunStartsEmpty) {
  const TemporaryFolder folder;
  Train(folder / "m", 0, 5);
  ASSERT_TRUE(JsonlWriter::Open(folder / "m", 0).ok());
  EXPECT_EQ(Content(folder / "m"), "");
}

TEST(JsonlWriter, DropsALineThatACrashTore) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "m", "{\"step\":1}\n{\"step\":2,\"lo").ok());
  absl::StatusOr<JsonlWriter> writer = JsonlWriter::Open(folder / "m", 5);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write({{"step", 2}}).ok());
  EXPECT_EQ(Content(folder / "m"), "{\"step\":1}\n{\"step\":2}\n");
}

TEST(JsonlWriter, NamesTheLineThatIsDamaged) {
  const TemporaryFolder folder;
  for (const char* bad : {"{\"step\":\n", "\n", "[1]\n", "{\"loss\":1}\n", "{\"step\":\"2\"}\n"}) {
    SCOPED_TRACE(bad);
    const std::string text = std::string("{\"step\":1}\n") + bad + "{\"step\":3}\n";
    ASSERT_TRUE(WriteFileAtomic(folder / "m", text).ok());
    const absl::Status status = JsonlWriter::Open(folder / "m", 5).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(folder / "m: line 2 is not a JSON object with a step"));
    EXPECT_EQ(Content(folder / "m"), text) << "a damaged file must not be touched";
  }
}

TEST(JsonlWriter, WritesNumbersThatAreNoneAsNull) {
  const TemporaryFolder folder;
  absl::StatusOr<JsonlWriter> writer = JsonlWriter::Open(folder / "m", 0);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write({{"step", 1}, {"loss", std::nan("")}}).ok());
  EXPECT_EQ(Content(folder / "m"), "{\"step\":1,\"loss\":null}\n");
}

TEST(JsonlWriter, AFullDiskLeavesWholeLines) {
  const TemporaryFolder folder;
  absl::StatusOr<JsonlWriter> writer = JsonlWriter::Open(folder / "m", 0);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Write({{"step", 1}}).ok());
  absl::Status status;
  {
    const FileSizeLimit limit(15);
    status = writer->Write({{"step", 2}});
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Content(folder / "m"), "{\"step\":1}\n");
}

}  // namespace
}  // namespace lrti::report
