#include "cli/ctl/output/interrupt.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace lrti::ctl {
namespace {

void PressCtrlCTwice() {
  Interrupt interrupt;
  interrupt.TakeSignals();
  interrupt.SayLast("the screen as it was");
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // where the test can see it
  ::raise(SIGINT);
  ::raise(SIGINT);
}

TEST(Interrupt, TheSecondCtrlCEndsTheProcessWithItsLastWords) {
  EXPECT_EXIT(PressCtrlCTwice(), testing::ExitedWithCode(130), "the screen as it was");
}

}  // namespace
}  // namespace lrti::ctl
