#include "cli/ctl/output/notice.h"

#include <chrono>

namespace lrti::ctl {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

Notice::Notice(const Console& console, std::string what) : console_(console) {
  if (!console.err_is_terminal || console.quiet) return;
  thread_ = std::thread([this, what = std::move(what)] {
    MutexLock lock(mutex_);
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!over_ && ended_.wait_until(mutex_, end) != std::cv_status::timeout) {
    }
    if (over_) return;
    console_.err("\r\x1b[K" + what + " ...");
    while (!over_) ended_.wait(mutex_);
    console_.err("\r\x1b[K");
  });
}

Notice::~Notice() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    over_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

}  // namespace lrti::ctl
