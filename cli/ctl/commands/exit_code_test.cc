#include "cli/ctl/commands/exit_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lrti::ctl {
namespace {

using ::testing::HasSubstr;

TEST(ExitCode, OfErrors) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), 4);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), 5);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), 5);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("")), 5);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), 130);
}

TEST(ExitCode, OfJobs) {
  EXPECT_EQ(ExitCodeOfState("SUCCEEDED"), 0);
  EXPECT_EQ(ExitCodeOfState("FAILED"), 100);
  EXPECT_EQ(ExitCodeOfState("CANCELLED"), 103);
  for (const char* state : {"PENDING", "RUNNING", "CANCELLING", "A_STATE_OF_TOMORROW"}) {
    EXPECT_EQ(ExitCodeOfState(state), 101) << state;
  }
}

TEST(NextStep, NamesACommand) {
  EXPECT_THAT(NextStep(absl::UnavailableError("")), HasSubstr("lrti-ctl up"));
  EXPECT_THAT(NextStep(absl::UnauthenticatedError("")), HasSubstr("lrti-ctl login"));
  EXPECT_EQ(NextStep(absl::InvalidArgumentError("")), "");
}

}  // namespace
}  // namespace lrti::ctl
