#include "services/cache/redis/write_behind.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>

#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/manifest.h"
#include "services/cache/redis/job_index.h"

namespace lrti::cache {
namespace {

using boost::asio::awaitable;

absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

WriteBehind::WriteBehind(boost::asio::io_context& io, Link& link, const Options& options)
    : io_(io),
      link_(link),
      options_(options),
      buffer_(options.queue_bytes),
      bucket_(options.bytes_per_second),
      work_(io),
      pace_(io),
      space_(options.queue_bytes) {}

bool WriteBehind::Push(TierItem item, std::span<const std::byte> payload) {
  const auto entry = std::make_shared<Entry>();
  entry->item = std::move(item);
  {
    MutexLock lock(mutex_);
    const auto offset = queue_.size() < kStatesMax
                            ? space_.Reserve(std::max<size_t>(payload.size(), 1))
                            : std::nullopt;
    if (!offset) {
      ++dropped_;
      return false;
    }
    entry->offset = *offset;
    queue_.push_back(entry);
  }
  std::ranges::copy(payload, buffer_.begin() + static_cast<ptrdiff_t>(entry->offset));
  {
    MutexLock lock(mutex_);
    entry->ready = true;
  }
  boost::asio::post(io_, [this] { work_.WakeAll(); });
  return true;
}

void WriteBehind::Cancel(const std::function<bool(const hidden_state::StateKey&)>& is_one) {
  MutexLock lock(mutex_);
  for (const std::shared_ptr<Entry>& entry : queue_) {
    if (is_one(entry->item.item.key)) entry->cancelled = true;
  }
}

uint64_t WriteBehind::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

std::shared_ptr<WriteBehind::Entry> WriteBehind::Front() {
  MutexLock lock(mutex_);
  return queue_.empty() || !queue_.front()->ready ? nullptr : queue_.front();
}

void WriteBehind::Pop() {
  MutexLock lock(mutex_);
  queue_.pop_front();
  space_.ReleaseFirst();
}

awaitable<void> WriteBehind::Run() {
  while (!stopping_) {
    const std::shared_ptr<Entry> entry = Front();
    if (entry == nullptr) {
      co_await work_.Wait();
      continue;
    }
    const absl::Status status = co_await Write(*entry);
    if (status.ok()) {
      ++written_;
      written_bytes_ += entry->item.item.bytes;
    } else {
      ++dropped_;
    }
    Pop();
  }
}

void WriteBehind::Stop() {
  stopping_ = true;
  work_.WakeAll();
  pace_.WakeAll();
}

awaitable<absl::Status> WriteBehind::Write(const Entry& entry) {
  absl::Status status = co_await WriteChunks(entry);
  if (!status.ok()) co_return status;
  const wire::Item& item = entry.item.item;
  const wire::Bytes manifest =
      wire::EncodeManifest(wire::Manifest{.item = item, .crcs = entry.item.crcs});
  status = co_await Set(wire::ManifestName(item.key), manifest);
  if (!status.ok()) co_return status;
  co_return co_await Enter(entry);
}

awaitable<absl::Status> WriteBehind::WriteChunks(const Entry& entry) {
  const wire::Item& item = entry.item.item;
  wire::ByteView rest = wire::ByteView(buffer_).subspan(entry.offset, item.bytes);
  for (uint64_t i = 0; !rest.empty(); ++i) {
    const wire::ByteView chunk = rest.first(std::min<size_t>(rest.size(), wire::kRedisChunkBytes));
    co_await Pace(chunk.size());
    if (stopping_ || entry.cancelled || !link_.demotes()) {
      co_return absl::CancelledError("no longer wanted");
    }
    const absl::Status status = co_await Set(wire::ChunkName(item.key, item.version, i), chunk);
    if (!status.ok()) co_return status;
    rest = rest.subspan(chunk.size());
  }
  co_return absl::OkStatus();
}

// Makes the state visible, unless it was cancelled in the meantime. No other command of ours comes
// between the look at `cancelled` and the send: what is forgotten later, is forgotten with this.
awaitable<absl::Status> WriteBehind::Enter(const Entry& entry) {
  if (stopping_ || entry.cancelled || !link_.up()) {
    co_return absl::CancelledError("no longer wanted");
  }
  const wire::Item& item = entry.item.item;
  const std::string index = IndexName(item.key.job);
  const std::string field = FieldOf(item.key);
  const std::string value =
      ValueOf({.lineage = item.version.lineage,
               .step = item.version.step,
               .chunks = wire::ChunkCount(item.bytes, wire::kRedisChunkBytes)});
  const std::string seconds = fmt::format("{}", 2 * absl::ToInt64Seconds(options_.keep));
  std::vector<wire::ByteView> enter;
  for (const std::string_view word : {std::string_view("HSET"), std::string_view(index),
                                      std::string_view(field), std::string_view(value)}) {
    enter.push_back(Word(word));
  }
  std::vector<wire::ByteView> expire;
  for (const std::string_view word :
       {std::string_view("EXPIRE"), std::string_view(index), std::string_view(seconds)}) {
    expire.push_back(Word(word));
  }
  auto entered = std::make_shared<absl::Status>(absl::UnknownError("no answer"));
  link_.Send(enter, link_.options().timeout,
             [this, entered, job = item.key.job](const absl::StatusOr<RedisValue>& answer) {
               *entered = answer.status();
               if (!answer.ok() && !absl::IsFailedPrecondition(*entered)) unsure_.insert(job);
             });
  const auto expired = co_await link_.Ask(std::move(expire), link_.options().timeout);
  co_return entered->ok() ? expired.status() : *entered;
}

awaitable<absl::Status> WriteBehind::Set(const std::string& name, wire::ByteView value) {
  const std::string seconds =
      fmt::format("{}", std::max<int64_t>(1, absl::ToInt64Seconds(options_.keep)));
  std::vector<wire::ByteView> words;
  words.push_back(Word("SET"));
  words.push_back(Word(name));
  words.push_back(value);
  words.push_back(Word("EX"));
  words.push_back(Word(seconds));
  const auto answer = co_await link_.Ask(std::move(words), link_.options().timeout);
  co_return answer.status();
}

awaitable<void> WriteBehind::Pace(uint64_t bytes) {
  const absl::Duration start = Now();
  const absl::Duration until = start + bucket_.Take(bytes, start);
  while (!stopping_ && Now() < until) co_await pace_.Wait(until - Now());
}

}  // namespace lrti::cache
