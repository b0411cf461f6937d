#include "services/cache/redis/forgetter.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>

#include "common/base/status.h"
#include "services/cache/redis/job_index.h"

namespace lrti::cache {
namespace {

using boost::asio::awaitable;
using hidden_state::StateKey;

constexpr size_t kBatch = 256;  // names in one command, so that Redis answers others in between
constexpr absl::Duration kAgain = absl::Milliseconds(200);

template <typename Key>
void Count(std::map<Key, uint32_t>& counts, const Key& key) {
  ++counts[key];
}

template <typename Key>
void Uncount(std::map<Key, uint32_t>& counts, const Key& key) {
  const auto at = counts.find(key);
  if (at != counts.end() && --at->second == 0) counts.erase(at);
}

}  // namespace

Forgetter::Forgetter(boost::asio::io_context& io, Link& link, const WriteBehind& writes)
    : io_(io), link_(link), writes_(writes), work_(io), salt_(std::random_device{}()) {}

void Forgetter::Add(uint64_t job) { Push({.job = job}); }

void Forgetter::Add(std::span<const StateKey> keys) {
  std::map<uint64_t, std::vector<StateKey>> by_job;
  for (const StateKey& key : keys) by_job[key.job].push_back(key);
  for (auto& [job, its_keys] : by_job) Push({.job = job, .keys = std::move(its_keys)});
}

void Forgetter::Push(Task task) {
  {
    MutexLock lock(mutex_);
    if (keys_.size() + task.keys.size() > kKeysMax || tasks_.size() >= kTasksMax) {
      task.keys.clear();
    }
    for (const StateKey& key : task.keys) Count(keys_, key);
    if (task.keys.empty()) {
      // One that is still to come forgets this too; the first may be under way.
      for (size_t i = 1; i < tasks_.size(); ++i) {
        if (tasks_[i].job == task.job && tasks_[i].keys.empty()) return;
      }
      if (jobs_.size() == kJobsMax) blocks_all_ = true;
      if (blocks_all_) return;
      Count(jobs_, task.job);
    }
    tasks_.push_back(std::move(task));
  }
  boost::asio::post(io_, [this] { work_.WakeAll(); });
}

void Forgetter::Unblock(const Task& task) {
  MutexLock lock(mutex_);
  for (const StateKey& key : task.keys) Uncount(keys_, key);
  if (task.keys.empty()) Uncount(jobs_, task.job);
}

// Redis did as told. A state that it may still get from us later hides its job for good.
void Forgetter::Carried(const Task& task) {
  if (writes_.Unsure(task.job)) {
    MutexLock lock(mutex_);
    if (!task.keys.empty() && keys_.size() <= kKeysMax / 2) return;  // they alone stay hidden
    blocks_all_ = blocks_all_ || hidden_.size() >= kJobsMax;
    if (!blocks_all_) hidden_.insert(task.job);
  }
  Unblock(task);
}

bool Forgetter::Blocks(const StateKey& key) const {
  MutexLock lock(mutex_);
  return blocks_all_ || jobs_.contains(key.job) || hidden_.contains(key.job) || keys_.contains(key);
}

uint64_t Forgetter::waiting() const {
  MutexLock lock(mutex_);
  return tasks_.size();
}

awaitable<void> Forgetter::Run() {
  while (!stopping_) {
    std::optional<Task> task;
    {
      MutexLock lock(mutex_);
      if (!tasks_.empty()) task = tasks_.front();
    }
    if (!task || !link_.up()) {
      co_await work_.Wait(task ? kAgain : absl::Hours(1));
      continue;
    }
    const absl::Status status = co_await Forget(*task);
    if (!status.ok()) {
      co_await work_.Wait(kAgain);
      continue;
    }
    MutexLock lock(mutex_);
    tasks_.pop_front();
  }
}

void Forgetter::Stop() {
  stopping_ = true;
  work_.WakeAll();
}

awaitable<absl::Status> Forgetter::Forget(const Task& task) {
  return task.keys.empty() ? ForgetJob(task) : ForgetKeys(task);
}

// One rename hides all of the job; then there is time to delete.
awaitable<absl::Status> Forgetter::ForgetJob(const Task& task) {
  const std::string gone = GoneName(task.job, ++salt_);
  std::vector<std::string> rename(1, "RENAME");
  rename.push_back(IndexName(task.job));
  rename.push_back(gone);
  const auto renamed = co_await Ask(std::move(rename));
  const bool had_none = absl::IsFailedPrecondition(renamed.status()) &&
                        Message(renamed.status()).find("no such key") != std::string::npos;
  if (!renamed.ok() && !had_none) co_return renamed.status();
  Carried(task);
  if (renamed.ok()) co_await DeleteListed(gone);
  co_return absl::OkStatus();
}

// What cannot be deleted goes when its time is over: nothing finds it any more.
awaitable<void> Forgetter::DeleteListed(std::string index) {
  std::string cursor = "0";
  do {
    std::vector<std::string> scan(1, "HSCAN");
    for (const std::string& word : {index, cursor, std::string("COUNT"), std::string("64")}) {
      scan.push_back(word);
    }
    const auto page = co_await Ask(std::move(scan));
    if (!page.ok() || page->list.size() != 2) co_return;
    cursor = page->list[0].text;
    const std::vector<RedisValue>& pairs = page->list[1].list;
    std::vector<std::string> names;
    for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const auto entry = ParseIndexValue(pairs[i + 1].text);
      if (!entry.ok()) continue;
      for (std::string& name : NamesOf(pairs[i].text, *entry)) names.push_back(std::move(name));
    }
    const absl::Status deleted = co_await Delete(std::move(names));
    if (!deleted.ok()) co_return;
  } while (cursor != "0" && !stopping_);
  const absl::Status ignored = co_await Delete(std::vector<std::string>(1, index));
}

awaitable<absl::Status> Forgetter::ForgetKeys(const Task& task) {
  std::vector<std::string> get = {}, remove = {};
  get.push_back("HMGET");
  remove.push_back("HDEL");
  std::vector<std::string> fields;
  for (const StateKey& key : task.keys) fields.push_back(FieldOf(key));
  for (std::vector<std::string>* words : {&get, &remove}) {
    words->push_back(IndexName(task.job));
    words->insert(words->end(), fields.begin(), fields.end());
  }
  const auto values = co_await Ask(std::move(get));
  if (!values.ok()) co_return values.status();
  const auto removed = co_await Ask(std::move(remove));
  if (!removed.ok()) co_return removed.status();
  Carried(task);
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(fields.size(), values->list.size()); ++i) {
    const auto entry = ParseIndexValue(values->list[i].text);
    if (!entry.ok()) continue;
    for (std::string& name : NamesOf(fields[i], *entry)) names.push_back(std::move(name));
  }
  const absl::Status ignored = co_await Delete(std::move(names));  // hidden already
  co_return absl::OkStatus();
}

awaitable<absl::Status> Forgetter::Delete(std::vector<std::string> names) {
  for (size_t at = 0; at < names.size(); at += kBatch) {
    std::vector<std::string> words(1, "UNLINK");
    for (size_t i = at; i < std::min(at + kBatch, names.size()); ++i) words.push_back(names[i]);
    const auto answer = co_await Ask(std::move(words));
    if (!answer.ok()) co_return answer.status();
  }
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<RedisValue>> Forgetter::Ask(std::vector<std::string> words) {
  std::vector<wire::ByteView> views;
  for (const std::string& word : words) views.push_back(Word(word));
  co_return co_await link_.Ask(std::move(views), link_.options().timeout);
}

}  // namespace lrti::cache
