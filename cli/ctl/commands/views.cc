#include "cli/ctl/commands/views.h"

#include <algorithm>
#include <map>

#include "cli/ctl/client/message_json.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/output/human.h"
#include "fmt/format.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

Cell AgentStateCell(const std::string& state) {
  using Color = Cell::Color;
  if (state == "ready" || state == "free") return {state, Color::kGood};
  if (state == "lost" || state == "leaked") return {state, Color::kBad};
  return {state, Color::kBusy};
}

std::string Models(const v1::Agent& agent) {
  std::map<std::string, int> counts;
  for (const v1::Gpu& gpu : agent.gpus()) ++counts[gpu.model()];
  std::string text;
  for (const auto& [model, count] : counts) {
    text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", count, model);
  }
  return text;
}

std::string Percent(double part, double whole) {
  return whole > 0 ? fmt::format("{:.0f}%", 100 * part / whole) : "-";
}

Cell DaysCell(double seconds) { return {Days(seconds), fmt::format("{}", seconds / 86400)}; }

}  // namespace

Listing AgentListing(const v1::ListAgentsResponse& agents, absl::Time now) {
  Listing listing;
  listing.columns = {{"agent"},
                     {"state"},
                     {"free", false, true},
                     {"devices", false, true},
                     {"models"},
                     {"seen", false, true},
                     {"message"},
                     {"address", true},
                     {"version", true}};
  for (const v1::Agent& agent : agents.agents()) {
    const auto free = std::count_if(agent.gpus().begin(), agent.gpus().end(),
                                    [](const v1::Gpu& gpu) { return gpu.state() == "free"; });
    const absl::Time seen = TimeOf(agent.last_seen());
    listing.rows.push_back({agent.id(), AgentStateCell(agent.state()), fmt::format("{}", free),
                            fmt::format("{}", agent.gpus_size()), Models(agent),
                            Cell(Ago(seen, now), Rfc3339(seen)), agent.message(), agent.address(),
                            agent.version()});
    listing.json.push_back(MessageJson(agent));
  }
  return listing;
}

Listing DeviceListing(const v1::ListAgentsResponse& agents) {
  Listing listing;
  listing.columns = {{"device"},
                     {"agent"},
                     {"model"},
                     {"state"},
                     {"used", false, true},
                     {"memory", false, true},
                     {"job"},
                     {"rank", false, true}};
  for (const v1::Agent& agent : agents.agents()) {
    for (const v1::Gpu& gpu : agent.gpus()) {
      listing.rows.push_back(
          {gpu.uuid(), agent.id(), gpu.model(), AgentStateCell(gpu.state()),
           Cell(ShortBytes(gpu.memory_used_bytes()), fmt::format("{}", gpu.memory_used_bytes())),
           Cell(ShortBytes(gpu.memory_bytes()), fmt::format("{}", gpu.memory_bytes())), gpu.job(),
           gpu.job().empty() ? "" : fmt::format("{}", gpu.rank())});
      nlohmann::ordered_json json = MessageJson(gpu);
      json["agent"] = agent.id();
      listing.json.push_back(std::move(json));
    }
  }
  return listing;
}

Listing QueueListing(const v1::ListQueuesResponse& queues) {
  Listing listing;
  listing.columns = {{"queue"},
                     {"running", false, true},
                     {"pending", false, true},
                     {"gpus", false, true},
                     {"quota", false, true},
                     {"waiting for"}};
  for (const v1::Queue& queue : queues.queues()) {
    const std::map<std::string, int64_t> reasons(queue.pending_by_reason().begin(),
                                                 queue.pending_by_reason().end());
    std::string waiting;
    for (const auto& [reason, jobs] : reasons) {
      waiting += fmt::format("{}{} {}", waiting.empty() ? "" : ", ", jobs, reason);
    }
    listing.rows.push_back(
        {queue.name(), fmt::format("{}", queue.running()), fmt::format("{}", queue.pending()),
         fmt::format("{}", queue.gpus_used()),
         queue.gpus_max() == 0 ? Cell("none", "0") : Cell(fmt::format("{}", queue.gpus_max())),
         waiting});
    listing.json.push_back(MessageJson(queue));
  }
  return listing;
}

Listing UsageListing(const v1::GetUsageResponse& usage, const std::string& by) {
  Listing listing;
  listing.columns = {{by},
                     {"jobs", false, true},
                     {"GPU-days", false, true},
                     {"productive", false, true},
                     {"share", false, true},
                     {"startup", true, true},
                     {"stalled", true, true},
                     {"rework", true, true},
                     {"teardown", true, true}};
  for (const v1::GetUsageResponse::Row& row : usage.rows()) {
    const auto wasted = [&row](const char* cause) {
      const auto found = row.wasted_gpu_seconds().find(cause);
      return DaysCell(found == row.wasted_gpu_seconds().end() ? 0 : found->second);
    };
    listing.rows.push_back(
        {row.key(), fmt::format("{}", row.jobs()), DaysCell(row.allocated_gpu_seconds()),
         DaysCell(row.productive_gpu_seconds()),
         Percent(row.productive_gpu_seconds(), row.allocated_gpu_seconds()), wasted("startup"),
         wasted("stalled"), wasted("rework"), wasted("teardown")});
    listing.json.push_back(MessageJson(row));
  }
  return listing;
}

}  // namespace lrti::ctl
