#include "services/shell/end_signals.h"

namespace lrti::shell {

EndSignals::EndSignals(std::initializer_list<int> more) {
  sigemptyset(&set_);
  for (const int signal : more) sigaddset(&set_, signal);
  sigaddset(&set_, SIGTERM);
  sigaddset(&set_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int EndSignals::Wait() const {
  int signal = 0;
  sigwait(&set_, &signal);
  return signal;
}

}  // namespace lrti::shell
