#include "services/worker/agent/shipper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/test_files.h"
#include "lrti/v1/worker.pb.h"
#include "services/worker/agent/backoff.h"

namespace lrti::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Keeps logs as the coordinator does: takes what fits to what it has.
class FakeCoordinator final : public AgentsClient {
 public:
  absl::StatusOr<v1::SyncResponse> Sync(const v1::SyncRequest&) override {
    return absl::UnimplementedError("only the spool is tested");
  }

  absl::StatusOr<v1::AppendSpoolResponse> AppendSpool(
      const v1::AppendSpoolRequest& request) override {
    ++calls;
    if (!status.ok()) return status;
    EXPECT_LE(request.data().size(), size_t{1} << 20);
    std::string& file = request.stream() == v1::AppendSpoolRequest::LOG ? log : events;
    if (request.offset() <= file.size()) {
      const size_t known = file.size() - request.offset();
      if (known < request.data().size()) file += request.data().substr(known);
    }
    completes += request.complete();
    v1::AppendSpoolResponse response;
    response.set_have(file.size());
    return response;
  }

  std::string log, events;
  int calls = 0, completes = 0;
  absl::Status status;
};

class ShipperTest : public ::testing::Test {
 protected:
  void Log(const std::string& text) {
    ASSERT_TRUE(AppendFile::Open(folder_ / "log")->Append(text).ok());
  }
  Shipper::Outcome Ship(bool ended = false) {
    return shipper_.Ship(
        {{.key = key_, .ranks = {{0, folder_ / "log", folder_ / "events"}}, .ended = ended}});
  }
  // Rounds until there is nothing more to send.
  Shipper::Outcome ShipAll(bool ended = false) {
    Shipper::Outcome outcome = Ship(ended);
    for (int i = 0; i < 100 && outcome.more; ++i) outcome = Ship(ended);
    EXPECT_FALSE(outcome.more);
    return outcome;
  }

  const TemporaryFolder folder_;
  const AttemptKey key_{"lrti-a", 1};
  FakeCoordinator coordinator_;
  Shipper shipper_{"thor", coordinator_};
};

TEST_F(ShipperTest, CopiesAGrowingFileByteForByte) {
  Log("one\n");
  ShipAll();
  EXPECT_EQ(coordinator_.log, "one\n");
  Log("two, without end");
  ShipAll();
  EXPECT_EQ(coordinator_.log, "one\ntwo, without end");
  EXPECT_EQ(shipper_.shipped_bytes(), 20U);
  EXPECT_EQ(shipper_.waiting_bytes(), 0U);
}

TEST_F(ShipperTest, SendsNothingWhenThereIsNothingNew) {
  Log("one\n");
  ShipAll();
  const int calls = coordinator_.calls;
  ShipAll();
  EXPECT_EQ(coordinator_.calls, calls);
}

TEST_F(ShipperTest, AnEndedAttemptIsAcknowledgedWhenAllIsThere) {
  Log(std::string(3 << 20, 'x'));
  EXPECT_THAT(Ship(true).acknowledged, IsEmpty());
  EXPECT_THAT(ShipAll(true).acknowledged, ElementsAre(key_));
  EXPECT_EQ(coordinator_.log.size(), size_t{3} << 20);
  EXPECT_EQ(coordinator_.completes, 2) << "the log and the events";
}

TEST_F(ShipperTest, ARankThatNeverStartedIsCompleteWithNothing) {
  EXPECT_THAT(ShipAll(true).acknowledged, ElementsAre(key_));
}

TEST_F(ShipperTest, GoesOnWhereTheCoordinatorIsAfterItsOwnRestart) {
  Log("12345678");
  coordinator_.log = "12345";
  ShipAll();
  EXPECT_EQ(coordinator_.log, "12345678");
  EXPECT_EQ(shipper_.shipped_bytes(), 3U);
}

TEST_F(ShipperTest, GoesBackWhenTheCoordinatorLostWhatItHad) {
  Log("12345678");
  ShipAll();
  coordinator_.log = "123";
  Log("9");
  ShipAll();
  EXPECT_EQ(coordinator_.log, "123456789");
}

TEST_F(ShipperTest, ACoordinatorThatIsAwayEndsTheRoundAndIsAskedAgain) {
  Log("one\n");
  coordinator_.status = absl::UnavailableError("away");
  EXPECT_TRUE(absl::IsUnavailable(Ship(true).status));
  EXPECT_EQ(coordinator_.calls, 1);
  EXPECT_EQ(shipper_.waiting_bytes(), 4U);
  coordinator_.status = absl::OkStatus();
  EXPECT_THAT(ShipAll(true).acknowledged, ElementsAre(key_));
  EXPECT_EQ(coordinator_.log, "one\n");
}

TEST_F(ShipperTest, ACoordinatorThatIsAwayIsAskedOnceForAllRanks) {
  coordinator_.status = absl::DeadlineExceededError("it hangs");
  const auto rank = [&](int64_t number) {
    return Shipment::Rank{number, folder_ / "log", folder_ / "events"};
  };
  shipper_.Ship({{.key = key_, .ranks = {rank(0), rank(1)}}});
  EXPECT_EQ(coordinator_.calls, 1);
}

TEST_F(ShipperTest, AnUnknownJobIsDropped) {
  Log("one\n");
  coordinator_.status = absl::NotFoundError("no such job");
  EXPECT_THAT(Ship(true).acknowledged, ElementsAre(key_));
}

TEST_F(ShipperTest, ACoordinatorThatHasMoreThanThereIsEndsInNoCircle) {
  Log("123");
  coordinator_.log = "1234567";
  EXPECT_THAT(ShipAll(true).acknowledged, ElementsAre(key_));
}

TEST(Backoff, GrowsToABoundAndBeginsAnewAfterASuccess) {
  Backoff backoff(7);
  EXPECT_LE(backoff.Failed(), absl::Milliseconds(250));
  absl::Duration last;
  for (int i = 0; i < 100; ++i) {
    last = backoff.Failed();
    EXPECT_LE(last, absl::Seconds(10));
  }
  EXPECT_GE(last, absl::Seconds(5));
  backoff.Succeeded();
  EXPECT_LE(backoff.Failed(), absl::Milliseconds(250));
}

}  // namespace
}  // namespace lrti::worker
