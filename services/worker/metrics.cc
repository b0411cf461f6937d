#include "services/worker/metrics.h"

#include <vector>

#include "services/http/families.h"

namespace lrti::worker {
namespace {

class Metrics final : public prometheus::Collectable {
 public:
  explicit Metrics(const AgentLoop& loop) : loop_(loop) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    const AgentStats stats = loop_.GetStats();
    http::Families families;
    families.Gauge("lrti_agent_devices", "Devices of this machine, GPUs or slots of the processor.")
        .Add(stats.devices_free, {{"state", "free"}})
        .Add(stats.devices_allocated, {{"state", "allocated"}})
        .Add(stats.devices_leaked, {{"state", "leaked"}});
    families.Gauge("lrti_agent_attempts", "Attempts known here, ended ones until they are let go.")
        .Add(stats.attempts);
    families.Gauge("lrti_agent_ranks_running", "Trainers that run here.").Add(stats.ranks_running);
    families.Counter("lrti_agent_syncs_total", "Reports to the coordinator, by result.")
        .Add(stats.syncs - stats.syncs_failed, {{"result", "ok"}})
        .Add(stats.syncs_failed, {{"result", "error"}});
    families.Gauge("lrti_agent_answer_age_seconds", "Since the coordinator's last answer.")
        .Add(absl::ToDoubleSeconds(stats.answer_age));
    families.Gauge("lrti_agent_trouble", "1: nothing can be started here.")
        .Add(stats.trouble.empty() ? 0 : 1);
    families.Counter("lrti_log_bytes_total", "Bytes of logs and events that the coordinator took.")
        .Add(stats.log_bytes);
    families.Gauge("lrti_log_spool_bytes", "Bytes of logs and events that it does not yet have.")
        .Add(stats.spool_bytes);
    auto xids = families.Counter("lrti_agent_gpu_xid_errors_total",
                                 "Faults of GPUs that the driver reported, by number.");
    for (const auto& [name, count] : stats.xids) {
      xids.Add(count, {{"gpu_uuid", name.first}, {"xid", std::to_string(name.second)}});
    }
    return families.Take();
  }

 private:
  const AgentLoop& loop_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> WorkerMetrics(const AgentLoop& loop) {
  return std::make_shared<Metrics>(loop);
}

}  // namespace lrti::worker
