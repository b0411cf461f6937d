#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>

#include "absl/time/time.h"

namespace lrti::cache {

/// Lets coroutines of one thread wait for what others of that thread do: look, Wait, look again.
class Alarm {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Alarm(boost::asio::io_context& io) : io_(io) {}

  /// Until WakeAll, or until then at the latest.
  boost::asio::awaitable<void> WaitUntil(Clock::time_point latest) {
    boost::asio::steady_timer timer(io_, latest);
    waiting_.insert(&timer);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    waiting_.erase(&timer);
  }
  boost::asio::awaitable<void> Wait(absl::Duration longest = absl::Hours(1)) {
    return WaitUntil(Clock::now() + absl::ToChronoNanoseconds(longest));
  }

  void WakeAll() {
    for (boost::asio::steady_timer* timer : waiting_) timer->cancel();
  }

 private:
  boost::asio::io_context& io_;
  std::set<boost::asio::steady_timer*> waiting_;
};

}  // namespace lrti::cache
