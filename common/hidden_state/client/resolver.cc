#include "common/hidden_state/client/resolver.h"

#include <unistd.h>

#include <algorithm>

namespace lrti::hidden_state::client {

Resolver::~Resolver() {
  thread_.request_stop();
  MutexLock lock(mutex_);
  asked_or_stopped_.notify_all();
}

std::optional<absl::StatusOr<Address>> Resolver::Find(const Endpoint& endpoint) {
  const bool has_path = !endpoint.path.empty();
  if (has_path && (endpoint.host.empty() || ::access(endpoint.path.c_str(), F_OK) == 0)) {
    return UnixAddress(endpoint.path);
  }
  if (const auto numeric = NumericAddress(endpoint.host, endpoint.port)) return *numeric;
  return FindName({endpoint.host, endpoint.port});
}

std::optional<absl::StatusOr<Address>> Resolver::FindName(const Name& name) {
  MutexLock lock(mutex_);
  if (const auto found = found_.find(name); found != found_.end()) {
    const absl::StatusOr<Address> answer = found->second;
    if (!answer.ok()) found_.erase(found);
    if (doubted_.erase(name) > 0) Ask(name);
    return answer;
  }
  Ask(name);
  return std::nullopt;
}

void Resolver::Ask(const Name& name) {
  if (std::ranges::find(asked_, name) == asked_.end()) asked_.push_back(name);
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  asked_or_stopped_.notify_all();
}

void Resolver::Forget(const Endpoint& endpoint) {
  MutexLock lock(mutex_);
  const Name name(endpoint.host, endpoint.port);
  if (found_.contains(name)) doubted_.insert(name);
}

void Resolver::Run(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    if (asked_.empty()) {
      asked_or_stopped_.wait(mutex_);
      continue;
    }
    const Name name = asked_.front();  // it stays there, so that nobody asks for it again
    mutex_.Unlock();
    absl::StatusOr<Address> answer = look_up_(name.first, name.second);
    mutex_.Lock();
    asked_.pop_front();
    const auto known = found_.find(name);
    if (known == found_.end() || answer.ok()) found_.insert_or_assign(name, std::move(answer));
    signal_.Raise();
  }
}

}  // namespace lrti::hidden_state::client
