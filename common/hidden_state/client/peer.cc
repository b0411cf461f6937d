#include "common/hidden_state/client/peer.h"

#include <algorithm>
#include <limits>
#include <random>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::hidden_state::client {
namespace {

uint64_t DrawName() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

void PostReleases(std::vector<wire::LeasedPlace> places, Lane& lane) {
  while (!places.empty()) {
    const size_t count = std::min<size_t>(places.size(), wire::kKeysMax);
    const auto rest = places.end() - static_cast<std::ptrdiff_t>(count);
    Outgoing frame;
    frame.header.type = wire::FrameType::kRelease;
    frame.meta = wire::EncodeRelease({rest, places.end()});
    lane.Post(std::move(frame));
    places.erase(rest, places.end());
  }
}

// Silence within a deadline is the node's fault only when it said nothing at all.
bool IsFailure(const Lane& lane, const absl::Status& end) {
  return end.code() != absl::StatusCode::kDeadlineExceeded || !lane.heard();
}

}  // namespace

Peer::Peer(Options options, const Clock& clock, Resolver& resolver, Signal& signal)
    : options_(std::move(options)),
      client_(DrawName()),
      clock_(clock),
      resolver_(resolver),
      signal_(signal),
      breaker_(options_.pauses),
      node_lanes_max_(std::numeric_limits<uint32_t>::max()) {
  health_.name = options_.endpoint.name;
}

size_t Peer::LanesMax(Purpose purpose) const {
  return purpose == Purpose::kLease ? 1 : std::min(options_.lanes, node_lanes_max_);
}

absl::StatusOr<std::unique_ptr<Lane>> Peer::TryTake(uint64_t job, Purpose purpose) {
  MutexLock lock(mutex_);
  Lanes& lanes = lanes_[{job, purpose}];
  std::unique_ptr<Lane> lane = TakeIdle(lanes);
  std::optional<absl::StatusOr<Address>> address;
  if (lane == nullptr) {
    if (lanes.in_use >= LanesMax(purpose)) return nullptr;
    if (breaker_.Refuses(clock_.Steady())) return LeftAlone();  // also while its name is looked up
    address = resolver_.Find(options_.endpoint);
    if (!address) return nullptr;
  }
  if (!breaker_.Admit(clock_.Steady())) {
    if (lane != nullptr) lanes.idle.push_back(std::move(lane));
    return LeftAlone();
  }
  if (lane == nullptr) {
    auto connected = address->ok() ? Connect(**address, job, purpose) : address->status();
    if (!connected.ok()) {
      Fail(connected.status());
      return Prefixed(connected.status(), "cache node " + options_.endpoint.name);
    }
    lane = *std::move(connected);
  }
  lane->Listen();
  ++lanes.in_use;
  if (purpose == Purpose::kLease) leasing_.insert(lane->number());
  return lane;
}

absl::Status Peer::LeftAlone() const {
  return Error(absl::StatusCode::kUnavailable, "cache node {}: left alone for a while after: {}",
               options_.endpoint.name, health_.last_error);
}

// The one used last; those that the node closed meanwhile are dropped.
std::unique_ptr<Lane> Peer::TakeIdle(Lanes& lanes) {
  while (!lanes.idle.empty()) {
    std::unique_ptr<Lane> lane = std::move(lanes.idle.back());
    lanes.idle.pop_back();
    if (lane->Idle()) return lane;
  }
  return nullptr;
}

// A lease lane is a client of its own to the node: its leases end with it.
absl::StatusOr<std::unique_ptr<Lane>> Peer::Connect(const Address& address, uint64_t job,
                                                    Purpose purpose) {
  if (purpose == Purpose::kLease && !address.local()) {
    return Error(absl::StatusCode::kUnimplemented, "leases need a node of this host");
  }
  const wire::Hello hello{.job = job,
                          .client = purpose == Purpose::kLease ? DrawName() : client_,
                          .token = options_.token};
  return Lane::Connect(address, hello, view_);
}

void Peer::GiveBack(std::unique_ptr<Lane> lane, Purpose purpose, const absl::Status& end) {
  {
    MutexLock lock(mutex_);
    Lanes& lanes = lanes_[{lane->job(), purpose}];
    LRTI_CHECK(lanes.in_use > 0);
    --lanes.in_use;
    leasing_.erase(lane->number());
    if (end.ok()) {
      Succeed(*lane);
      SendReleases(*lane);
      if (lanes.idle.size() + lanes.in_use < LanesMax(purpose)) {
        lanes.idle.push_back(std::move(lane));
      }
    } else {
      releases_.erase(lane->number());
      if (IsFailure(*lane, end)) Fail(end);
    }
  }
  lane.reset();  // closes it, where it was not kept, before the next one connects
  signal_.Raise();
}

void Peer::Succeed(const Lane& lane) {
  breaker_.Succeed();
  node_lanes_max_ = lane.lanes_max();
  if (health_.incarnation == lane.incarnation()) return;
  if (health_.incarnation != 0) ++health_.restarts;
  health_.incarnation = lane.incarnation();
}

void Peer::Fail(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnimplemented) return;
  breaker_.Fail(clock_.Steady());
  ++health_.failures;
  health_.last_error = Message(status);
  resolver_.Forget(options_.endpoint);
}

void Peer::Release(uint64_t lane_number, std::vector<wire::LeasedPlace> places) {
  MutexLock lock(mutex_);
  if (leasing_.contains(lane_number)) {  // GiveBack sends or forgets them
    std::vector<wire::LeasedPlace>& waiting = releases_[lane_number];
    waiting.insert(waiting.end(), places.begin(), places.end());
    return;
  }
  for (auto& [name, lanes] : lanes_) {
    if (name.second != Purpose::kLease) continue;
    for (const std::unique_ptr<Lane>& lane : lanes.idle) {
      if (lane->number() != lane_number) continue;
      releases_[lane_number] = std::move(places);
      SendReleases(*lane);
      return;
    }
  }
}

// What cannot leave at once leaves with the lane's next exchange; a lane that broke is noticed
// then, and has ended its leases already.
void Peer::SendReleases(Lane& lane) {
  const auto waiting = releases_.find(lane.number());
  if (waiting == releases_.end()) return;
  PostReleases(std::move(waiting->second), lane);
  releases_.erase(waiting);
  if (const absl::Status status = lane.Flush(); !status.ok()) health_.last_error = Message(status);
}

void Peer::Owe(uint64_t job, std::span<const StateKey> keys) {
  MutexLock lock(mutex_);
  const auto [place, is_new] = debts_.try_emplace(job);
  Debt& debt = place->second;
  debt.number = ++debt_number_;
  const bool all = keys.empty() || (!is_new && debt.keys.empty()) ||
                   debt.keys.size() + keys.size() > kDebtKeysMax;
  if (all) {
    debt.keys.clear();
  } else {
    debt.keys.insert(debt.keys.end(), keys.begin(), keys.end());
  }
}

std::optional<Peer::Debt> Peer::DebtOf(uint64_t job) const {
  MutexLock lock(mutex_);
  const auto debt = debts_.find(job);
  if (debt == debts_.end()) return std::nullopt;
  return debt->second;
}

void Peer::Pay(uint64_t job, uint64_t number) {
  MutexLock lock(mutex_);
  const auto debt = debts_.find(job);
  if (debt != debts_.end() && debt->second.number == number) debts_.erase(debt);
}

PeerHealth Peer::Health() const {
  MutexLock lock(mutex_);
  PeerHealth health = health_;
  health.paused = breaker_.open();
  return health;
}

}  // namespace lrti::hidden_state::client
