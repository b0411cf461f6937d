#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "common/base/mutex.h"

namespace lrti::data {

/// Makes items 0, 1, 2, ... ahead of their use on a few threads and hands them out in that order.
/// What item i is depends on i alone, so the order is the same for any number of threads.
///
/// At most `ahead` items exist beyond the one asked for. The destructor stops and joins the
/// threads; items under way are finished first.
template <typename T>
class Prefetcher {
 public:
  using Make = std::function<absl::StatusOr<T>(int64_t index)>;

  /// Begins with item `first`. REQUIRES: ahead >= 1, threads >= 1; `make` may be called by several
  /// threads at once.
  Prefetcher(int64_t first, int64_t ahead, int64_t threads, Make make);
  ~Prefetcher();

  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The next item, in order; waits for it. After an error the same error again.
  absl::StatusOr<T> Next();

 private:
  void Work();
  /// The next item to make; waits until there is room. Nothing when it is time to stop.
  std::optional<int64_t> Claim();
  void Put(int64_t index, absl::StatusOr<T> item);

  const Make make_;
  const int64_t ahead_;
  Mutex mutex_;
  CondVar changed_;
  int64_t next_to_make_ ABSL_GUARDED_BY(mutex_);
  int64_t next_to_take_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, absl::StatusOr<T>> ready_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

template <typename T>
Prefetcher<T>::Prefetcher(int64_t first, int64_t ahead, int64_t threads, Make make)
    : make_(std::move(make)), ahead_(ahead), next_to_make_(first), next_to_take_(first) {
  LRTI_CHECK(ahead >= 1 && threads >= 1);
  for (int64_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

template <typename T>
Prefetcher<T>::~Prefetcher() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins, while the members that the threads use still live
}

template <typename T>
absl::StatusOr<T> Prefetcher<T>::Next() {
  MutexLock lock(mutex_);
  while (!ready_.contains(next_to_take_)) changed_.wait(mutex_);
  const auto item = ready_.find(next_to_take_);
  // An error stays where it is: it is the answer from now on, and nothing is made beyond it.
  if (!item->second.ok()) return item->second.status();
  absl::StatusOr<T> taken = std::move(item->second);
  ready_.erase(item);
  ++next_to_take_;
  changed_.notify_all();
  return taken;
}

template <typename T>
void Prefetcher<T>::Work() {
  while (const std::optional<int64_t> index = Claim()) Put(*index, make_(*index));
}

template <typename T>
std::optional<int64_t> Prefetcher<T>::Claim() {
  MutexLock lock(mutex_);
  while (!stopping_ && next_to_make_ >= next_to_take_ + ahead_) changed_.wait(mutex_);
  if (stopping_) return std::nullopt;
  return next_to_make_++;
}

template <typename T>
void Prefetcher<T>::Put(int64_t index, absl::StatusOr<T> item) {
  MutexLock lock(mutex_);
  ready_.emplace(index, std::move(item));
  changed_.notify_all();
}

}  // namespace lrti::data
