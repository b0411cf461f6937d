#pragma once

#include <atomic>

#include "absl/time/time.h"
#include "common/base/open_file.h"

namespace lrti::ctl {

/// Ctrl-C while something is followed: the first asks the verb to let go, the second ends the
/// process with code 130. Thread-safe. There is one for a process; tests make their own.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  /// From now on SIGINT and SIGTERM come here. REQUIRES: no other Interrupt takes them.
  void TakeSignals();

  /// What the second one writes to standard output before it ends the process; empty: nothing.
  /// REQUIRES: a text that is never freed.
  void SayLast(const char* text) { last_words_ = text; }
  const char* last_words() const { return last_words_; }

  /// As the first Ctrl-C does. Safe in a signal handler.
  void Ask();
  bool asked() const { return asked_; }

  /// Waits so long; returns true, at once, when it was asked.
  bool WaitFor(absl::Duration duration) const;

  /// Becomes readable when it is asked, and stays so.
  int fd() const { return event_.fd(); }

 private:
  std::atomic<bool> asked_ = false;
  std::atomic<const char*> last_words_ = "";
  OpenFile event_;
  bool takes_signals_ = false;
};

}  // namespace lrti::ctl
