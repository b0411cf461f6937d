#include "train/tensor/guarded.h"

#include <torch/torch.h>

#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace lrti::train {
namespace {

TEST(Guarded, LeavesWhatIsNoException) {
  EXPECT_TRUE(Guarded([] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(Guarded([] { return absl::StatusOr<int>(3); }).value(), 3);
  EXPECT_EQ(Guarded([] { return InvalidArgument("bad"); }), InvalidArgument("bad"));
}

TEST(Guarded, ExceptionsBecomeAStatus) {
  const auto at_once = int64_t{1} << 60;  // bytes that no machine has
  const std::vector<std::pair<std::function<void()>, absl::StatusCode>> cases = {
      {[&] { (void)at::empty({at_once}, at::kByte); }, absl::StatusCode::kInternal},
      {[] { throw std::bad_alloc(); }, absl::StatusCode::kResourceExhausted},
      {[] { throw std::runtime_error("torn"); }, absl::StatusCode::kInternal},
      {[] { TORCH_CHECK_WITH(OutOfMemoryError, false, "full"); },
       absl::StatusCode::kResourceExhausted},
  };
  for (const auto& [fails, code] : cases) {
    const absl::Status status = Guarded([&fails = fails] {
      fails();
      return absl::OkStatus();
    });
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(Message(status).find("Exception raised from"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace lrti::train
