#pragma once

#include <csignal>
#include <initializer_list>

namespace lrti::shell {

/// SIGTERM and SIGINT, for a program that waits for them in its first thread.
class EndSignals {
 public:
  /// Blocks them in this thread and in those that it starts; SIGPIPE is ignored, since a peer that
  /// left is an error of its socket. Make it before any other thread.
  /// `more` are waited for alike.
  explicit EndSignals(std::initializer_list<int> more = {});

  /// Waits for one and returns its number.
  int Wait() const;

  const sigset_t& set() const { return set_; }

 private:
  sigset_t set_{};
};

}  // namespace lrti::shell
