#include "common/hidden_state/client/client.h"

#include <algorithm>
#include <map>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {
namespace {

Fate FateOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return Fate::kTimeout;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
      return Fate::kRefused;
    default:
      return Fate::kNodeDown;
  }
}

std::vector<Rendezvous::Node> NamesOf(const std::vector<Client::Node>& nodes) {
  std::vector<Rendezvous::Node> names;
  for (const Client::Node& node : nodes) names.push_back({node.endpoint.name, node.weight});
  return names;
}

absl::Status CheckOptions(const Client::Options& options) {
  double weight = 0;
  for (const Client::Node& node : options.nodes) {
    if (!(node.weight >= 0 && std::isfinite(node.weight))) {
      return InvalidArgument("cache node {}: weight {} is not a number from 0 on",
                             node.endpoint.name, node.weight);
    }
    weight += node.weight;
  }
  if (weight <= 0) return InvalidArgument("cache: no node with a weight above zero is given");
  if (options.token.empty() || options.token.size() > wire::kTokenBytesMax) {
    return InvalidArgument("cache token: {} bytes are not in 1..{}", options.token.size(),
                           wire::kTokenBytesMax);
  }
  if (options.lanes < 1 || options.lanes > Client::kLanesMax) {
    return InvalidArgument("cache lanes: {} is not in 1..{}", options.lanes, Client::kLanesMax);
  }
  return absl::OkStatus();
}

bool IsSound(const Offer& offer) {
  const bool summed =
      offer.crcs.empty() || offer.crcs.size() == wire::ChunkCount(offer.bytes.size());
  return summed && offer.item.bytes == offer.bytes.size() && wire::CheckItem(offer.item).ok();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const Options& options, const Clock& clock) {
  LRTI_RETURN_IF_ERROR(CheckOptions(options));
  return std::unique_ptr<Client>(new Client(options, clock));
}

Client::Client(const Options& options, const Clock& clock)
    : options_(options), clock_(clock), rendezvous_(NamesOf(options.nodes)), resolver_(signal_) {
  for (const Node& node : options.nodes) {
    peers_.push_back(std::make_shared<Peer>(Peer::Options{.endpoint = node.endpoint,
                                                          .token = options.token,
                                                          .lanes = options.lanes,
                                                          .pauses = options.pauses},
                                            clock, resolver_, signal_));
  }
}

bool Client::AdmitJob(uint64_t job) {
  MutexLock lock(mutex_);
  if (std::ranges::find(jobs_, job) != jobs_.end()) return true;
  if (jobs_.size() >= options_.jobs_max) return false;
  jobs_.push_back(job);
  return true;
}

// Splits a call by node and job; what is of too many jobs is in no share.
template <typename KeyOf>
std::vector<Share> Client::SharesOf(size_t count, const KeyOf& key_of) {
  std::map<std::pair<size_t, uint64_t>, std::vector<size_t>> items;
  for (size_t i = 0; i < count; ++i) {
    const StateKey* key = key_of(i);
    if (key == nullptr || !AdmitJob(key->job)) continue;
    items[{rendezvous_.NodeOf(*key), key->job}].push_back(i);
  }
  std::vector<Share> shares;
  for (auto& [name, places] : items) {
    shares.push_back({peers_[name.first], name.second, std::move(places)});
  }
  return shares;
}

std::vector<Fate> Client::Put(std::span<const Offer> offers, absl::Duration budget) {
  const Deadline deadline(clock_, budget);
  std::vector<Fate> fates(offers.size(), Fate::kRefused);
  std::vector<Share> shares = SharesOf(offers.size(), [&](size_t i) -> const StateKey* {
    const bool sound = IsSound(offers[i]) && offers[i].item.bytes <= options_.item_bytes_max;
    if (!sound) fates[i] = Fate::kBadItem;
    return sound ? &offers[i].item.key : nullptr;
  });
  for (const Share& share : shares) {
    for (const size_t i : share.items) fates[i] = Fate::kNodeDown;
  }
  Call call(
      std::move(shares), Purpose::kData, signal_, deadline,
      [&](const Lane&, const Share& share) {
        return std::make_unique<PutExchange>(offers, share.items, fates);
      },
      [&](const Call::End& end) {
        if (end.status.ok()) return;
        for (const size_t i : end.share.items) {
          if (fates[i] == Fate::kNodeDown) fates[i] = FateOf(end.status);
        }
      });
  call.Run();
  return fates;
}

std::vector<Answer> Client::Get(std::span<const StateKey> keys, const Rule& rule,
                                const Destination& destination, absl::Duration budget) {
  const Deadline deadline(clock_, budget);
  const Destination bounded = [&](size_t index, const wire::Item& item) {
    return item.bytes > options_.item_bytes_max ? std::span<std::byte>() : destination(index, item);
  };
  std::vector<Answer> answers(keys.size(), Answer{Fate::kRefused, {}});
  std::vector<Share> shares = SharesOf(keys.size(), [&](size_t i) { return &keys[i]; });
  for (const Share& share : shares) {
    for (const size_t i : share.items) answers[i].fate = Fate::kNodeDown;
  }
  Call call(
      std::move(shares), Purpose::kData, signal_, deadline,
      [&](const Lane& lane, const Share& share) -> std::unique_ptr<Exchange> {
        if (lane.local()) {
          return std::make_unique<LocateExchange>(keys, share.items, rule, false, answers);
        }
        return std::make_unique<GetExchange>(keys, share.items, rule, bounded, answers);
      },
      [&](const Call::End& end) {
        if (auto* located = dynamic_cast<LocateExchange*>(end.exchange)) {
          CopyOut(*located, end.view.get(), bounded, deadline, answers);
        }
        if (end.status.ok()) return;
        for (const size_t i : end.share.items) {
          if (answers[i].fate == Fate::kNodeDown) answers[i].fate = FateOf(end.status);
        }
      });
  call.Run();
  return answers;
}

// What was located before a lane broke is not copied: its view is not known to be that node's.
void Client::CopyOut(LocateExchange& located, const PoolView* view, const Destination& destination,
                     const Deadline& deadline, std::vector<Answer>& answers) const {
  if (view == nullptr) return;
  for (const LocateExchange::Found& found : located.found()) {
    Answer& answer = answers[found.index];
    if (answer.fate == Fate::kStale) continue;
    answer.fate = Fate::kTimeout;
    if (deadline.Passed()) continue;  // making room takes time as well
    answer.fate = Fate::kBadItem;
    if (!view->Holds(found.placed)) continue;
    const std::span<std::byte> room = destination(found.index, found.placed.item);
    if (room.size() != found.placed.item.bytes) continue;
    answer.fate = view->CopyOut(found.placed, room, deadline);
  }
}

LeaseSet Client::Lease(std::span<const StateKey> keys, const Rule& rule, absl::Duration budget) {
  const Deadline deadline(clock_, budget);
  LeaseSet leases(keys.size());
  std::vector<Share> shares = SharesOf(keys.size(), [&](size_t i) { return &keys[i]; });
  for (Answer& answer : leases.answers_) answer.fate = Fate::kRefused;
  for (const Share& share : shares) {
    for (const size_t i : share.items) leases.answers_[i].fate = Fate::kNodeDown;
  }
  Call call(
      std::move(shares), Purpose::kLease, signal_, deadline,
      [&](const Lane&, const Share& share) {
        return std::make_unique<LocateExchange>(keys, share.items, rule, true, leases.answers_);
      },
      [&](const Call::End& end) { Keep(end, leases); });
  call.Run();
  return leases;
}

void Client::Keep(const Call::End& end, LeaseSet& leases) const {
  for (const size_t i : end.share.items) {
    Answer& answer = leases.answers_[i];
    if (!end.status.ok())
      answer.fate = answer.fate == Fate::kNodeDown ? FateOf(end.status) : answer.fate;
  }
  if (!end.status.ok()) return;  // the lane is closed, and its leases with it
  auto& located = dynamic_cast<LocateExchange&>(*end.exchange);
  LeaseSet::Owner owner{end.share.peer, end.lane_number, {}};
  for (LocateExchange::Found& found : located.found()) {
    owner.places.push_back({found.placed.offset, found.placed.generation});
    Answer& answer = leases.answers_[found.index];
    if (answer.fate == Fate::kStale) continue;
    const bool held = end.view->Holds(found.placed);
    answer.fate = held ? Fate::kOk : Fate::kBadItem;
    if (held) leases.held_[found.index] = {end.view, std::move(found.placed)};
  }
  if (!owner.places.empty()) leases.owners_.push_back(std::move(owner));
}

absl::Status Client::Forget(std::span<const StateKey> keys, absl::Duration budget) {
  std::vector<Share> shares = SharesOf(keys.size(), [&](size_t i) { return &keys[i]; });
  size_t admitted = 0;
  for (const Share& share : shares) {
    std::vector<StateKey> share_keys;
    for (const size_t i : share.items) share_keys.push_back(keys[i]);
    share.peer->Owe(share.job, share_keys);
    admitted += share.items.size();
  }
  LRTI_RETURN_IF_ERROR(PayDebts(std::move(shares), budget));
  if (admitted == keys.size()) return absl::OkStatus();
  return InvalidArgument("cache: states of more than {} jobs", options_.jobs_max);
}

absl::Status Client::ForgetJob(uint64_t job, absl::Duration budget) {
  if (!AdmitJob(job))
    return InvalidArgument("cache: states of more than {} jobs", options_.jobs_max);
  std::vector<Share> shares;
  for (const std::shared_ptr<Peer>& peer : peers_) {
    peer->Owe(job, {});
    shares.push_back({peer, job, {}});
  }
  return PayDebts(std::move(shares), budget);
}

absl::Status Client::PayDebts(std::vector<Share> shares, absl::Duration budget) {
  const Deadline deadline(clock_, budget);
  absl::Status first;
  Call call(
      std::move(shares), Purpose::kData, signal_, deadline,
      [](const Lane&, const Share&) { return nullptr; },
      [&](const Call::End& end) { first.Update(end.status); });
  call.Run();
  if (first.ok()) return first;
  return Error(absl::StatusCode::kUnavailable, "states are not forgotten yet: {}", Message(first));
}

std::vector<PeerHealth> Client::Health() const {
  std::vector<PeerHealth> health;
  for (const std::shared_ptr<Peer>& peer : peers_) health.push_back(peer->Health());
  return health;
}

}  // namespace lrti::hidden_state::client
