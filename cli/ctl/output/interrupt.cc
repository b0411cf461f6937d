#include "cli/ctl/output/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "common/base/check.h"

namespace lrti::ctl {
namespace {

constexpr int kInterrupted = 130;

std::atomic<Interrupt*> of_process = nullptr;
static_assert(std::atomic<Interrupt*>::is_always_lock_free, "a signal handler may touch it");

void OnSignal(int) {
  Interrupt* const interrupt = of_process;
  if (interrupt != nullptr && !interrupt->asked()) return interrupt->Ask();
  const char* const last_words = interrupt == nullptr ? "" : interrupt->last_words();
  [[maybe_unused]] const ssize_t written =
      ::write(STDOUT_FILENO, last_words, std::strlen(last_words));
  _exit(kInterrupted);
}

void Handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  LRTI_CHECK(sigaction(SIGINT, &action, nullptr) == 0);
  LRTI_CHECK(sigaction(SIGTERM, &action, nullptr) == 0);
}

}  // namespace

Interrupt::Interrupt() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  LRTI_CHECK(event_.valid());
}

Interrupt::~Interrupt() {
  if (!takes_signals_) return;
  Handle(SIG_DFL);
  of_process = nullptr;
}

void Interrupt::TakeSignals() {
  if (takes_signals_) return;
  takes_signals_ = true;
  of_process = this;
  Handle(OnSignal);
}

void Interrupt::Ask() {
  asked_ = true;
  const uint64_t one = 1;
  // An event that is full is readable already, which is all that is wanted.
  [[maybe_unused]] const ssize_t written = ::write(event_.fd(), &one, sizeof(one));
}

bool Interrupt::WaitFor(absl::Duration duration) const {
  pollfd wanted{.fd = event_.fd(), .events = POLLIN, .revents = 0};
  const int64_t milliseconds = std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, 1 << 30);
  ::poll(&wanted, 1, static_cast<int>(milliseconds));
  return asked_;
}

}  // namespace lrti::ctl
