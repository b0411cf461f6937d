#include "cli/vsr/stop_signal.h"

#include <unistd.h>

#include <csignal>

#include "cli/vsr/exit_code.h"

namespace lrti::vsr {
namespace {

std::atomic<bool> stop_wanted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch it");

void OnSignal(int signal) {
  if (stop_wanted.exchange(true) && signal == SIGINT) _exit(kInterrupted);
}

}  // namespace

const std::atomic<bool>& StopSignal() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_handler = OnSignal;
    action.sa_flags = SA_RESTART;
    return sigaction(SIGINT, &action, nullptr) == 0 && sigaction(SIGTERM, &action, nullptr) == 0;
  }();
  (void)installed;
  return stop_wanted;
}

}  // namespace lrti::vsr
