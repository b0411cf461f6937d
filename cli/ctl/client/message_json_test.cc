#include "cli/ctl/client/message_json.h"

#include <gtest/gtest.h>

#include <limits>

#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

TEST(MessageJson, HasNumbersAsNumbersAndTimesAsText) {
  v1::Job job;
  job.set_id("lrti-a");
  job.set_version(uint64_t{1} << 63);
  (*job.mutable_labels())["table"] = "3";
  (*job.mutable_labels())["axis"] = "lr";
  job.mutable_submitted()->set_seconds(1'800'000'000);
  job.mutable_submitted()->set_nanos(250'000'000);
  v1::Progress& progress = *job.mutable_progress();
  progress.set_psnr(std::numeric_limits<double>::infinity());
  progress.mutable_eta()->set_seconds(90);
  progress.mutable_eta()->set_nanos(500'000'000);
  v1::Rank& rank = *job.add_placement();
  rank.set_rank(1);
  rank.set_agent("host");

  const auto json = MessageJson(job);
  EXPECT_EQ(json["id"], "lrti-a");
  EXPECT_EQ(json["version"], uint64_t{1} << 63);
  EXPECT_EQ(json["labels"].dump(), R"({"axis":"lr","table":"3"})");
  EXPECT_EQ(json["submitted"], "2027-01-15T08:00:00.250Z");
  EXPECT_EQ(json["progress"]["eta"], 90.5);
  EXPECT_TRUE(json["progress"]["psnr"].is_null());
  EXPECT_EQ(json["placement"][0]["rank"], 1);
  EXPECT_EQ(json["gpus"], 0);
}

TEST(MessageJson, LeavesOutWhatIsNotSet) {
  const auto json = MessageJson(v1::Job());
  EXPECT_FALSE(json.contains("started"));
  EXPECT_FALSE(json.contains("progress"));
  EXPECT_EQ(json["placement"].dump(), "[]");
  EXPECT_EQ(json["name"], "");
}

}  // namespace
}  // namespace lrti::ctl
