#include "services/worker/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/config/dump.h"
#include "services/worker/host.h"

namespace lrti::worker {
namespace {

using ::testing::HasSubstr;

std::string Refusal(const std::string& yaml) {
  return Message(ParseWorkerConfig(yaml, {}).status());
}

TEST(WorkerConfig, DefaultsAreGoodAndComeBackFromTheirText) {
  const auto config = ParseWorkerConfig("", {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config::Dump(*ParseWorkerConfig(config::Dump(*config), {})), config::Dump(*config));
  EXPECT_EQ(config->coordinator, "127.0.0.1:7430");
  EXPECT_EQ(config->http.listen, "127.0.0.1:7432");
}

TEST(WorkerConfig, SaysEverythingThatIsWrongAtOnce) {
  const std::string refusal = Refusal(
      "{coordinator: nowhere, name: 'a b', http: {listen: '0.0.0.0:1'}, stall: {heartbeat: 1ms}, "
      "security: {ca: x}}");
  EXPECT_THAT(refusal, HasSubstr("coordinator"));
  EXPECT_THAT(refusal, HasSubstr("name"));
  EXPECT_THAT(refusal, HasSubstr("http.listen"));
  EXPECT_THAT(refusal, HasSubstr("stall.heartbeat"));
  EXPECT_THAT(refusal, HasSubstr("belong together"));
}

TEST(WorkerConfig, BecomesTheAgentsSettings) {
  const auto config = ParseWorkerConfig("{stall: {step_least: 3s}, log_mib_max: 2}",
                                        {"grace.orphan=5s", "name=thor"});
  ASSERT_TRUE(config.ok()) << config.status();
  const AgentSettings settings = SettingsOf(*config, "1.0");
  EXPECT_EQ(settings.stall.step_least, absl::Seconds(3));
  EXPECT_EQ(settings.orphan_grace, absl::Seconds(5));
  EXPECT_EQ(settings.log_bytes_max, uint64_t{2} << 20);
  EXPECT_EQ(settings.name, "thor");
}

TEST(DecideAutos, TakesWhatTheMachineSays) {
  WorkerConfig config;
  const auto variable = [](const std::string& name) {
    return name == "XDG_STATE_HOME" ? "/state" : "";
  };
  ASSERT_TRUE(DecideAutos(variable, config).ok());
  EXPECT_EQ(config.spool, "/state/lrti/worker");
  EXPECT_NE(config.name, "auto");
  EXPECT_THAT(config.trainer, HasSubstr("/lrti-vsr"));
}

TEST(DecideAutos, SaysWhatToSetWhereTheMachineIsSilent) {
  WorkerConfig config;
  const absl::Status status = DecideAutos([](const std::string&) { return ""; }, config);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(Message(status), HasSubstr("--spool"));
}

TEST(FindDevices, TakesTheProcessorWhereThereIsNoDriver) {
  WorkerConfig config;
  config.name = "thor";
  config.devices.nvml_library = "/nowhere.so";
  config.devices.cpu_slots = 2;
  const auto inventory = FindDevices(config);
  ASSERT_TRUE(inventory.ok()) << inventory.status();
  EXPECT_EQ((*inventory)->List()->back().uuid, "cpu-thor-1");
}

TEST(FindDevices, DoesNotHideADriverThatDoesNotWork) {
  WorkerConfig config;
  config.devices.nvml_library = "libm.so.6";
  EXPECT_THAT(Message(FindDevices(config).status()), HasSubstr("devices.cpu_only"));
}

TEST(NextIncarnation, GrowsThoughTheClockIsSetBack) {
  const TemporaryFolder folder;
  const Spool spool = *Spool::Open(folder.path());
  const auto at = [&](int64_t seconds) {
    return NextIncarnation(spool, absl::FromUnixSeconds(seconds),
                           [](const std::string& news) { ADD_FAILURE() << news; });
  };
  EXPECT_EQ(at(2000), 2'000'000'000U);
  EXPECT_EQ(at(1000), 2'000'000'001U);
  EXPECT_EQ(at(3000), 3'000'000'000U);
}

TEST(LockSpool, IsForOneAgentAtATime) {
  const TemporaryFolder folder;
  const Spool spool = *Spool::Open(folder.path());
  {
    const auto first = LockSpool(spool);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_TRUE(absl::IsFailedPrecondition(LockSpool(spool).status()));
  }
  EXPECT_TRUE(LockSpool(spool).ok());
}

}  // namespace
}  // namespace lrti::worker
