#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/report.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// The answer to a command: set once, waited for by one thread.
class Reply {
 public:
  void Set(absl::Status status) {
    MutexLock lock(mutex_);
    status_ = std::move(status);
    set_.notify_all();
  }

  /// Errors: DeadlineExceeded, when nothing came in time.
  absl::Status Wait(absl::Duration timeout) {
    MutexLock lock(mutex_);
    set_.wait_for(mutex_, absl::ToChronoNanoseconds(timeout),
                  [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return status_.has_value(); });
    if (status_) return *status_;
    return absl::DeadlineExceededError(
        "the journal did not answer in time; the request may or may not have happened: ask again");
  }

 private:
  Mutex mutex_;
  CondVar set_;
  std::optional<absl::Status> status_ ABSL_GUARDED_BY(mutex_);
};

struct Command {
  std::shared_ptr<const AgentReport> report;  // absorbed first; may be none
  std::function<absl::StatusOr<Updates>(const Book&, const Live&, Moment)> decide;
  std::shared_ptr<Reply> reply;
};

/// What waits for the engine's thread. Bounded; thread-safe.
class CommandQueue {
 public:
  explicit CommandQueue(size_t most) : most_(most) {}

  /// False when it is full or closed.
  bool Push(Command command) {
    MutexLock lock(mutex_);
    if (closed_ || commands_.size() >= most_) return false;
    commands_.push_back(std::move(command));
    filled_.notify_one();
    return true;
  }

  /// At most `most` of them; waits for the first until `timeout`.
  std::vector<Command> Take(size_t most, absl::Duration timeout) {
    MutexLock lock(mutex_);
    filled_.wait_for(mutex_, absl::ToChronoNanoseconds(timeout),
                     [this]()
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return closed_ || !commands_.empty(); });
    std::vector<Command> taken;
    while (!commands_.empty() && taken.size() < most) {
      taken.push_back(std::move(commands_.front()));
      commands_.pop_front();
    }
    return taken;
  }

  /// No more commands; those inside are still taken.
  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    filled_.notify_all();
  }

  bool closed() const {
    MutexLock lock(mutex_);
    return closed_;
  }

 private:
  const size_t most_;
  mutable Mutex mutex_;
  CondVar filled_;
  std::deque<Command> commands_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lrti::coordinator
