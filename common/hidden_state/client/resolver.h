#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/hidden_state/client/address.h"
#include "common/hidden_state/client/endpoint.h"
#include "common/hidden_state/client/signal.h"

namespace lrti::hidden_state::client {

/// Where endpoints are now. Names are looked up by a thread of its own, since that may take longer
/// than any caller can wait; answers are kept until Forget. Thread-safe.
class Resolver {
 public:
  using LookUpFunction =
      std::function<absl::StatusOr<Address>(const std::string& host, uint16_t port)>;

  /// `found` is raised for each name that was looked up; it must outlive the resolver.
  explicit Resolver(Signal& found, LookUpFunction look_up = LookUp)
      : signal_(found), look_up_(std::move(look_up)) {}
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// The endpoint's Unix socket where there is a file at its path, else the address of its host;
  /// nothing while that is being looked up. Errors: Unavailable; the next call looks again.
  std::optional<absl::StatusOr<Address>> Find(const Endpoint& endpoint);

  /// Its address led nowhere: the next Find sets off another look-up, and goes on with the address
  /// that there is until one is found. Names do not lead elsewhere often; name servers do fail.
  void Forget(const Endpoint& endpoint);

 private:
  using Name = std::pair<std::string, uint16_t>;

  std::optional<absl::StatusOr<Address>> FindName(const Name& name);
  void Ask(const Name& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(const std::stop_token& stop);

  Signal& signal_;
  const LookUpFunction look_up_;
  Mutex mutex_;
  CondVar asked_or_stopped_;
  std::deque<Name> asked_ ABSL_GUARDED_BY(mutex_);  // each once, so no more than endpoints
  std::map<Name, absl::StatusOr<Address>> found_ ABSL_GUARDED_BY(mutex_);
  std::set<Name> doubted_ ABSL_GUARDED_BY(mutex_);  // found, and to be looked up again
  std::jthread thread_;  // runs from the first name on; started under mutex_
};

}  // namespace lrti::hidden_state::client
