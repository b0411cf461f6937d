#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "services/worker/device/cpu_slots.h"
#include "services/worker/device/device_table.h"
#include "services/worker/device/nvml.h"
#include "services/worker/device/xid.h"

namespace lrti::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kGiB = uint64_t{1} << 30;

// Sets a variable of the environment for a scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

Device Gpu(const std::string& uuid, uint64_t used = 0, std::vector<int64_t> pids = {}) {
  return {.uuid = uuid, .memory_bytes = 80 * kGiB, .memory_used_bytes = used, .pids = pids};
}

DeviceTable TableOf(std::vector<Device> devices) {
  DeviceTable table({.memory_used_max = kGiB, .free_wait = absl::Seconds(60)});
  table.Observe(std::move(devices), absl::ZeroDuration());
  return table;
}

TEST(CpuSlots, AreNamedAfterTheMachineAndShareItsMemory) {
  CpuSlots slots("thor", 3);
  const auto devices = *slots.List();
  ASSERT_EQ(devices.size(), 3U);
  EXPECT_EQ(devices[2].uuid, "cpu-thor-2");
  EXPECT_EQ(devices[0].model, "cpu");
  EXPECT_GT(devices[0].memory_bytes, 0U);
  EXPECT_FALSE(slots.gpus());
}

TEST(CpuSlots, AreOneACoreByDefault) { EXPECT_GE(CpuSlots("thor", 0).List()->size(), 1U); }

TEST(Nvml, ListsGpusWithMemoryAndProcesses) {
  const Variable used("FAKE_NVML_USED", "0,70000"), pids("FAKE_NVML_PIDS", "0,4711");
  auto nvml = Nvml::Load(LRTI_FAKE_NVML);
  ASSERT_TRUE(nvml.ok()) << nvml.status();
  const auto devices = *(*nvml)->List();
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].uuid, "GPU-fake-0");
  EXPECT_EQ(devices[0].model, "Fake GPU");
  EXPECT_EQ(devices[0].memory_bytes, 80 * kGiB);
  EXPECT_EQ(devices[1].memory_used_bytes, uint64_t{70000} << 20);
  EXPECT_THAT(devices[1].pids, ElementsAre(4711));
  EXPECT_TRUE(devices[0].pids.empty());
}

TEST(Nvml, SaysThatThereIsNoLibrary) {
  EXPECT_TRUE(absl::IsNotFound(Nvml::Load("/nowhere/libnvidia-ml.so.1").status()));
}

TEST(Nvml, SaysThatThereIsNoGpu) {
  const Variable none("FAKE_NVML_GPUS", "0");
  EXPECT_TRUE(absl::IsNotFound(Nvml::Load(LRTI_FAKE_NVML).status()));
}

TEST(Nvml, RefusesALibraryThatIsNoNvml) {
  const absl::Status status = Nvml::Load("libm.so.6").status();
  EXPECT_THAT(Message(status), HasSubstr("has no nvmlInit_v2"));
}

TEST(Nvml, SaysInTheDriversWordsThatItDoesNotWork) {
  const Variable fail("FAKE_NVML_FAIL", "nvmlInit_v2");
  EXPECT_THAT(Message(Nvml::Load(LRTI_FAKE_NVML).status()), HasSubstr("GPU is lost"));
}

TEST(Nvml, AGpuThatStopsAnsweringHasAFault) {
  auto nvml = Nvml::Load(LRTI_FAKE_NVML);
  const Variable fail("FAKE_NVML_FAIL", "nvmlDeviceGetMemoryInfo");
  const auto devices = *(*nvml)->List();
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_THAT(devices[0].fault, HasSubstr("GPU is lost"));
  EXPECT_EQ(TableOf(devices).StateOf("GPU-fake-0"), DeviceState::kLeaked);
}

TEST(Nvml, AGpuWhoseProcessesAreNotToldIsWellAllTheSame) {
  auto nvml = Nvml::Load(LRTI_FAKE_NVML);
  const Variable pids("FAKE_NVML_PIDS", "7,7");
  const Variable fail("FAKE_NVML_FAIL", "nvmlDeviceGetComputeRunningProcesses_v3");
  const auto devices = *(*nvml)->List();
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].fault, "");
  EXPECT_TRUE(devices[0].pids.empty());
}

TEST(Nvml, TellsEachFaultThatTheDriverReportsOnce) {
  const TemporaryFolder folder;
  const std::string path = folder / "xids";
  const Variable xids("FAKE_NVML_XIDS", path.c_str());
  auto nvml = Nvml::Load(LRTI_FAKE_NVML);
  EXPECT_TRUE((*nvml)->NewXids().empty());
  std::ofstream file(path);
  file << "1 79\n0 31\n" << std::flush;
  const auto events = (*nvml)->NewXids();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].uuid, "GPU-fake-1");
  EXPECT_EQ(events[0].xid, 79U);
  EXPECT_EQ(events[1].uuid, "GPU-fake-0");
  EXPECT_TRUE((*nvml)->NewXids().empty());
}

TEST(Nvml, ADriverWithoutEventsHasNoFaultsToTell) {
  const Variable fail("FAKE_NVML_FAIL", "nvmlEventSetCreate");
  auto nvml = Nvml::Load(LRTI_FAKE_NVML);
  ASSERT_TRUE(nvml.ok());
  EXPECT_TRUE((*nvml)->NewXids().empty());
  EXPECT_EQ((*nvml)->List()->size(), 2U);
}

TEST(Xid, OneThatIsNotKnownIsSuspect) {
  EXPECT_EQ(KindOfXid(79), XidKind::kLost);
  EXPECT_EQ(KindOfXid(31), XidKind::kProgram);
  EXPECT_EQ(KindOfXid(4711), XidKind::kSuspect);
  EXPECT_EQ(DescribeXid(4711), "XID 4711");
}

TEST(DeviceTable, AFreeDeviceIsTakenOnce) {
  DeviceTable table = TableOf({Gpu("a")});
  EXPECT_TRUE(table.Take("a"));
  EXPECT_FALSE(table.Take("a"));
  EXPECT_EQ(table.StateOf("a"), DeviceState::kBusy);
}

TEST(DeviceTable, ADeviceThatIsNotThereCannotBeTaken) {
  EXPECT_FALSE(TableOf({Gpu("a")}).Take("b"));
}

TEST(DeviceTable, MemoryHeldByAStrangerIsLeakedUntilItIsFree) {
  DeviceTable table = TableOf({Gpu("a", 20 * kGiB)});
  EXPECT_EQ(table.StateOf("a"), DeviceState::kLeaked);
  EXPECT_FALSE(table.Take("a"));
  table.Observe({Gpu("a")}, absl::Seconds(1));
  EXPECT_TRUE(table.Take("a"));
}

TEST(DeviceTable, ADeviceGivenBackIsNotOfferedBeforeItsMemoryIsBack) {
  DeviceTable table = TableOf({Gpu("a")});
  ASSERT_TRUE(table.Take("a"));
  table.GiveBack("a", {7}, absl::Seconds(10));
  table.Observe({Gpu("a", 30 * kGiB)}, absl::Seconds(11));
  EXPECT_EQ(table.StateOf("a"), DeviceState::kFreeing);
  EXPECT_FALSE(table.Take("a"));
  table.Observe({Gpu("a", kGiB / 2)}, absl::Seconds(12));
  EXPECT_EQ(table.StateOf("a"), DeviceState::kFree);
}

TEST(DeviceTable, ADeviceIsNotFreeWhileAProcessOfTheRankComputesThere) {
  DeviceTable table = TableOf({Gpu("a")});
  ASSERT_TRUE(table.Take("a"));
  table.GiveBack("a", {7}, absl::Seconds(10));
  table.Observe({Gpu("a", 0, {7})}, absl::Seconds(11));
  EXPECT_EQ(table.StateOf("a"), DeviceState::kFreeing);
  table.Observe({Gpu("a", 0, {8})}, absl::Seconds(12));
  EXPECT_EQ(table.StateOf("a"), DeviceState::kFree);
}

TEST(DeviceTable, MemoryThatDoesNotComeBackInTimeIsLeaked) {
  DeviceTable table = TableOf({Gpu("a")});
  ASSERT_TRUE(table.Take("a"));
  table.GiveBack("a", {}, absl::Seconds(10));
  table.Observe({Gpu("a", 30 * kGiB)}, absl::Seconds(70));
  EXPECT_EQ(table.StateOf("a"), DeviceState::kLeaked);
}

TEST(DeviceTable, AnAdoptedDeviceIsBusyThoughItsMemoryIsInUse) {
  DeviceTable table = TableOf({Gpu("a", 30 * kGiB)});
  table.Adopt("a");
  EXPECT_EQ(table.StateOf("a"), DeviceState::kBusy);
}

}  // namespace
}  // namespace lrti::worker
