#include "services/worker/agent/agent_loop.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "lrti/v1/worker.pb.h"
#include "services/worker/agent/agent.h"
#include "services/worker/agent/backoff.h"
#include "services/worker/agent/proto_time.h"

namespace lrti::worker {
namespace {

constexpr absl::Duration kPeriodLeast = absl::Milliseconds(100);
constexpr absl::Duration kPeriodMost = absl::Seconds(30);

}  // namespace

// The agent belongs to the first thread; what passes between the threads lies under the mutex.
struct AgentLoop::Parts {
  Parts(Machine machine_in, AgentsClient& client_in, Options options_in)
      : machine(std::move(machine_in)),
        client(client_in),
        options(std::move(options_in)),
        agent(machine, options.incarnation) {}

  void Look(const std::stop_token& stop);
  void TakeInbox();
  void Publish(bool news);
  void Talk(const std::stop_token& stop);
  absl::Duration SyncOnce(Backoff& backoff);
  void Ship(const std::stop_token& stop);
  void Wait(const std::stop_token& stop, absl::Duration time, const bool& wake)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool Drained(bool stop_ranks) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  const Machine machine;
  AgentsClient& client;
  const Options options;
  Agent agent;

  mutable Mutex mutex;
  CondVar changed;
  // To the agent.
  std::optional<v1::SyncResponse> answer ABSL_GUARDED_BY(mutex);
  std::vector<AttemptKey> acknowledged ABSL_GUARDED_BY(mutex);
  std::optional<bool> drain ABSL_GUARDED_BY(mutex);  // whether ranks are stopped
  bool inbox_filled ABSL_GUARDED_BY(mutex) = false;
  // From the agent.
  v1::SyncRequest report ABSL_GUARDED_BY(mutex);
  std::vector<Shipment> shipments ABSL_GUARDED_BY(mutex);
  bool idle ABSL_GUARDED_BY(mutex) = true;
  uint64_t rounds ABSL_GUARDED_BY(mutex) = 0;
  bool news ABSL_GUARDED_BY(mutex) = false;
  bool never ABSL_GUARDED_BY(mutex) = false;
  // For Drain: what the coordinator has been told.
  bool told_draining ABSL_GUARDED_BY(mutex) = false;
  bool told_idle ABSL_GUARDED_BY(mutex) = false;
  bool shipped ABSL_GUARDED_BY(mutex) = false;  // all files, and no process writes to them
  AgentStats stats ABSL_GUARDED_BY(mutex);
  std::optional<absl::Duration> answered_at ABSL_GUARDED_BY(mutex);
  std::vector<std::jthread> threads;
};

// Returns after `time`, or when `wake` is set, or to stop.
void AgentLoop::Parts::Wait(const std::stop_token& stop, absl::Duration time, const bool& wake) {
  changed.wait_for(mutex, stop, absl::ToChronoNanoseconds(time), [&] { return wake; });
}

void AgentLoop::Parts::Look(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    TakeInbox();
    Publish(agent.Tick());
    MutexLock lock(mutex);
    Wait(stop, options.tick, inbox_filled);
  }
}

void AgentLoop::Parts::TakeInbox() {
  std::optional<v1::SyncResponse> response;
  std::vector<AttemptKey> keys;
  std::optional<bool> stop_ranks;
  {
    MutexLock lock(mutex);
    inbox_filled = false;
    std::swap(response, answer);
    std::swap(keys, acknowledged);
    std::swap(stop_ranks, drain);
  }
  if (response) agent.Accept(*response);
  for (const AttemptKey& key : keys) agent.Acknowledge(key);
  if (stop_ranks) agent.Drain(*stop_ranks);
}

void AgentLoop::Parts::Publish(bool something_happened) {
  v1::SyncRequest next = agent.Report();
  std::vector<Shipment> next_shipments = agent.Shipments();
  MutexLock lock(mutex);
  stats.devices_free = stats.devices_allocated = stats.devices_leaked = stats.ranks_running = 0;
  for (const v1::Device& device : next.devices()) {
    stats.devices_free += device.state() == "free";
    stats.devices_allocated += device.state() == "busy";
    stats.devices_leaked += device.state() == "leaked";
  }
  for (const v1::AttemptReport& attempt : next.attempts()) {
    for (const v1::RankReport& rank : attempt.ranks()) {
      stats.ranks_running += rank.state() == "running";
    }
  }
  stats.attempts = agent.attempts();
  stats.xids = agent.xids();
  stats.trouble = next.trouble();
  report = std::move(next);
  shipments = std::move(next_shipments);
  idle = agent.idle();
  ++rounds;
  news = news || something_happened;
  if (something_happened) changed.notify_all();
}

void AgentLoop::Parts::Talk(const std::stop_token& stop) {
  Backoff backoff(options.incarnation);
  while (!stop.stop_requested()) {
    const absl::Duration wait = SyncOnce(backoff);
    if (wait == absl::InfiniteDuration()) return options.replaced();
    MutexLock lock(mutex);
    // News does not hurry a coordinator that is away.
    Wait(stop, wait, stats.link.ok() ? news : never);
  }
}

// How long until the next one; for ever when another agent has taken over.
absl::Duration AgentLoop::Parts::SyncOnce(Backoff& backoff) {
  v1::SyncRequest request;
  bool is_idle = false;
  {
    MutexLock lock(mutex);
    if (rounds == 0) return kPeriodLeast;
    request = report;
    is_idle = idle;
    news = false;
  }
  auto response = client.Sync(request);
  if (absl::IsAborted(response.status())) return absl::InfiniteDuration();
  MutexLock lock(mutex);
  ++stats.syncs;
  if (!response.ok()) {
    ++stats.syncs_failed;
    if (stats.link.ok()) {
      machine.warn("the coordinator is away, training goes on: " + Message(response.status()));
    }
    stats.link = response.status();
    changed.notify_all();
    return backoff.Failed();
  }
  if (!stats.link.ok()) machine.warn("the coordinator answers");
  stats.link = absl::OkStatus();
  backoff.Succeeded();
  answered_at = machine.clock.Steady();
  told_draining = told_draining || request.draining();
  told_idle = told_idle || (request.draining() && is_idle);
  const absl::Duration period = ToDuration(response->period());
  answer = *std::move(response);
  inbox_filled = true;
  changed.notify_all();
  return std::clamp(period == absl::ZeroDuration() ? absl::Seconds(1) : period, kPeriodLeast,
                    kPeriodMost);
}

void AgentLoop::Parts::Ship(const std::stop_token& stop) {
  Shipper shipper(machine.settings.name, client);
  Backoff backoff(options.incarnation + 1);
  while (!stop.stop_requested()) {
    std::vector<Shipment> work;
    {
      MutexLock lock(mutex);
      work = shipments;
    }
    Shipper::Outcome outcome = shipper.Ship(work);
    absl::Duration wait = options.ship;
    if (!outcome.status.ok()) {
      wait = backoff.Failed();
    } else {
      backoff.Succeeded();
      if (outcome.more) wait = absl::ZeroDuration();
    }
    MutexLock lock(mutex);
    stats.log_bytes = shipper.shipped_bytes();
    stats.spool_bytes = shipper.waiting_bytes();
    for (const AttemptKey& key : outcome.acknowledged) {
      acknowledged.push_back(key);
      inbox_filled = true;
    }
    shipped = outcome.acknowledged.size() == work.size();
    if (!work.empty() && shipped) changed.notify_all();
    Wait(stop, wait, never);
  }
}

bool AgentLoop::Parts::Drained(bool stop_ranks) const {
  // Nobody can be told while the coordinator is away.
  if (!stats.link.ok()) return !stop_ranks || idle;
  return stop_ranks ? told_idle && shipped : told_draining;
}

AgentLoop::AgentLoop(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

AgentLoop::~AgentLoop() { parts_->threads.clear(); }

absl::StatusOr<std::unique_ptr<AgentLoop>> AgentLoop::Start(Machine machine, AgentsClient& client,
                                                            Options options) {
  auto parts = std::make_unique<Parts>(std::move(machine), client, std::move(options));
  LRTI_RETURN_IF_ERROR(parts->agent.Adopt());
  Parts& it = *parts;
  it.threads.emplace_back([&it](const std::stop_token& stop) { it.Look(stop); });
  it.threads.emplace_back([&it](const std::stop_token& stop) { it.Talk(stop); });
  it.threads.emplace_back([&it](const std::stop_token& stop) { it.Ship(stop); });
  return std::unique_ptr<AgentLoop>(new AgentLoop(std::move(parts)));
}

bool AgentLoop::Drain(bool stop_ranks, absl::Duration longest) {
  Parts& parts = *parts_;
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(longest);
  MutexLock lock(parts.mutex);
  parts.drain = stop_ranks;
  parts.inbox_filled = true;
  parts.changed.notify_all();
  while (!parts.Drained(stop_ranks)) {
    if (parts.changed.wait_until(parts.mutex, end) == std::cv_status::timeout) {
      return parts.Drained(stop_ranks);
    }
  }
  return true;
}

AgentStats AgentLoop::GetStats() const {
  MutexLock lock(parts_->mutex);
  AgentStats stats = parts_->stats;
  if (parts_->answered_at) stats.answer_age = parts_->machine.clock.Steady() - *parts_->answered_at;
  return stats;
}

}  // namespace lrti::worker
