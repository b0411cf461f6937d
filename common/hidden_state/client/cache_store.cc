#include "common/hidden_state/client/cache_store.h"

#include "common/base/status.h"
#include "common/hidden_state/blob.h"

namespace lrti::hidden_state::client {
namespace {

// The numbers are the same.
codec::Encoding EncodingOf(Dtype dtype) { return static_cast<codec::Encoding>(dtype); }

Offer OfferOf(const PutItem& put) {
  const Blob& blob = *put.blob;
  return {.item = {.key = put.key,
                   .version = put.version,
                   .encoding = EncodingOf(blob.dtype),
                   .bytes = blob.bytes.size(),
                   .shape = blob.shape,
                   .scales = blob.scales},
          .bytes = blob.bytes,
          .crcs = blob.crcs};
}

// The blob is sound, so what the node calls a bad item is one that it has no room for.
PutStatus PutStatusOf(Fate fate) {
  if (fate == Fate::kOk) return PutStatus::kStored;
  return fate == Fate::kStale ? PutStatus::kStale : PutStatus::kNoSpace;
}

GetStatus GetStatusOf(Fate fate) {
  switch (fate) {
    case Fate::kOk:
      return GetStatus::kHit;
    case Fate::kMiss:
      return GetStatus::kMiss;
    case Fate::kStale:
      return GetStatus::kStale;
    default:
      return GetStatus::kUnavailable;
  }
}

template <typename Counters>
auto Values(const Counters& counters) {
  std::array<uint64_t, kFateNames.size()> values{};
  for (size_t i = 0; i < values.size(); ++i) values[i] = counters[i];
  return values;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CacheStore>> CacheStore::Create(const Options& options,
                                                               const Clock& clock) {
  if (options.get_deadline <= absl::ZeroDuration() ||
      options.put_deadline <= absl::ZeroDuration()) {
    return InvalidArgument("cache deadlines: {} and {} ms are not above zero",
                           absl::ToInt64Milliseconds(options.get_deadline),
                           absl::ToInt64Milliseconds(options.put_deadline));
  }
  LRTI_ASSIGN_OR_RETURN(std::unique_ptr<Client> client, Client::Create(options.client, clock));
  return std::unique_ptr<CacheStore>(new CacheStore(options, std::move(client)));
}

CacheStore::CacheStore(const Options& options, std::unique_ptr<Client> client)
    : options_(options), client_(std::move(client)), blobs_(options.spare_bytes_max) {}

std::vector<PutStatus> CacheStore::Put(std::span<const PutItem> items) {
  std::vector<PutStatus> statuses(items.size(), PutStatus::kBadShape);
  std::vector<Offer> offers;
  std::vector<size_t> places;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].blob == nullptr || !WellFormed(*items[i].blob)) {
      ++puts_[static_cast<size_t>(Fate::kBadItem)];
      continue;
    }
    offers.push_back(OfferOf(items[i]));
    places.push_back(i);
  }
  const std::vector<Fate> fates = client_->Put(offers, options_.put_deadline);
  for (size_t i = 0; i < fates.size(); ++i) {
    ++puts_[static_cast<size_t>(fates[i])];
    statuses[places[i]] = PutStatusOf(fates[i]);
    if (fates[i] == Fate::kOk) ledger_.Add(offers[i].item.key, offers[i].item.bytes);
  }
  return statuses;
}

std::vector<GetResult> CacheStore::Get(std::span<const StateKey> keys, const Rule& rule) {
  std::vector<std::shared_ptr<Blob>> blobs(keys.size());
  const auto room_for = [&](size_t index, const wire::Item& item) -> std::span<std::byte> {
    blobs[index] = blobs_.Take(item.bytes);
    blobs[index]->dtype = static_cast<Dtype>(item.encoding);
    blobs[index]->shape = item.shape;
    blobs[index]->scales = item.scales;
    return blobs[index]->bytes;
  };
  const std::vector<Answer> answers = client_->Get(keys, rule, room_for, options_.get_deadline);
  std::vector<GetResult> results(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    ++gets_[static_cast<size_t>(answers[i].fate)];
    results[i] = {GetStatusOf(answers[i].fate), answers[i].version, nullptr};
    if (answers[i].fate == Fate::kOk) results[i].blob = std::move(blobs[i]);
    if (answers[i].fate == Fate::kMiss) ledger_.Remove(keys[i]);
  }
  return results;
}

void CacheStore::Erase(std::span<const StateKey> keys) {
  for (const StateKey& key : keys) ledger_.Remove(key);
  if (!client_->Forget(keys, options_.get_deadline).ok()) ++forgets_late_;
}

void CacheStore::Drop(uint64_t job) {
  ledger_.RemoveJob(job);
  if (!client_->ForgetJob(job, options_.get_deadline).ok()) ++forgets_late_;
}

Store::Stats CacheStore::GetStats() const {
  const Counts counts = GetCounts();
  Stats stats;
  stats.hits = counts.gets[static_cast<size_t>(Fate::kOk)];
  stats.stale = counts.gets[static_cast<size_t>(Fate::kStale)];
  for (const uint64_t count : counts.gets) stats.misses += count;
  stats.misses -= stats.hits + stats.stale;
  const Ledger::Sum total = ledger_.Total();
  stats.entries = total.states;
  stats.bytes = total.bytes;
  return stats;
}

CacheStore::Counts CacheStore::GetCounts() const {
  return {Values(puts_), Values(gets_), forgets_late_};
}

}  // namespace lrti::hidden_state::client
