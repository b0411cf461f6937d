#include "services/coordinator/state/tick.h"

#include "fmt/format.h"
#include "services/coordinator/state/settle.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kForgottenMax = 20;  // at a time: the engine deletes their logs in between

void Leases(const Book& book, const Live& live, const Rules& rules, Moment now, Updates& updates) {
  for (const auto& [id, agent] : book.agents) {
    const absl::Duration silence = SilenceOf(live, id, now);
    if (agent.lost || silence <= rules.lease) continue;
    const std::string message =
        agent.mode == AgentMode::kReady
            ? fmt::format("silent for {}",
                          absl::FormatDuration(absl::Trunc(silence, absl::Seconds(1))))
            : agent.message;
    updates.push_back(AgentChanged{id, agent.mode, true, message, "coordinator", false});
  }
}

void Forget(const Book& book, const Rules& rules, Updates& updates) {
  const auto most = static_cast<size_t>(rules.jobs_max);
  size_t excess = book.jobs.size() > most ? book.jobs.size() - most : 0;
  excess = std::min(excess, kForgottenMax);
  for (auto it = book.ended.begin(); it != book.ended.end() && excess > 0; ++it, --excess) {
    updates.push_back(JobForgotten{it->second});
  }
}

}  // namespace

Updates Tick(const Book& book, const Live& live, const Rules& rules, Moment now) {
  Updates updates;
  Leases(book, live, rules, now, updates);
  for (const std::string& id : book.active) {
    for (Update& update : Settle(book, live, rules, *FindJob(book, id), now)) {
      updates.push_back(std::move(update));
    }
  }
  Forget(book, rules, updates);
  return updates;
}

}  // namespace lrti::coordinator
