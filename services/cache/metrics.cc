#include "services/cache/metrics.h"

#include "services/http/families.h"

namespace lrti::cache {
namespace {

using http::Families;

void AddRequests(const EngineStats& stats, const RedisStats& redis, Families& families) {
  const uint64_t refused = stats.refused_space + stats.refused_quota + stats.refused_bad;
  families
      .Counter("lrti_cache_requests_total",
               "States asked for (get), put, or looked for in the second tier (fetch), by how that "
               "ended.")
      .Add(stats.hits, {{"op", "get"}, {"result", "hit"}})
      .Add(stats.misses, {{"op", "get"}, {"result", "miss"}})
      .Add(stats.stale, {{"op", "get"}, {"result", "stale"}})
      .Add(stats.stored, {{"op", "put"}, {"result", "stored"}})
      .Add(stats.refused_stale, {{"op", "put"}, {"result", "stale"}})
      .Add(refused + stats.corrupt, {{"op", "put"}, {"result", "error"}})
      .Add(redis.hits, {{"op", "fetch"}, {"result", "hit"}})
      .Add(redis.misses, {{"op", "fetch"}, {"result", "miss"}})
      .Add(redis.stale, {{"op", "fetch"}, {"result", "stale"}})
      .Add(redis.corrupt + redis.failed, {{"op", "fetch"}, {"result", "error"}});
  families.Counter("lrti_cache_puts_refused_total", "Puts that were refused, by what they lacked.")
      .Add(stats.refused_space, {{"reason", "space"}})
      .Add(stats.refused_quota, {{"reason", "quota"}})
      .Add(stats.refused_bad, {{"reason", "bad"}})
      .Add(stats.corrupt, {{"reason", "corrupt"}});
}

void AddTimes(const NodeStats& stats, Families& families) {
  families
      .Durations("lrti_cache_request_duration_seconds",
                 "Time to answer a request, each of many states.")
      .Add(stats.gets, {{"op", "get"}})
      .Add(stats.locates, {{"op", "locate"}})
      .Add(stats.puts, {{"op", "put"}});
}

void AddMemory(const EngineStats& stats, Families& families) {
  const std::vector<std::pair<std::string, std::string>> ram = {{"tier", "ram"}};
  families.Gauge("lrti_cache_capacity_bytes", "Memory for states.").Add(stats.pool_bytes, ram);
  families.Gauge("lrti_cache_resident_bytes", "Memory that states take.")
      .Add(stats.states.pool_bytes, ram);
  families.Gauge("lrti_cache_pinned_bytes", "Memory of states that clients lease.")
      .Add(stats.states.leased_bytes, ram);
  families.Gauge("lrti_cache_states", "States there.").Add(stats.states.entries, ram);
  families.Counter("lrti_cache_evictions_total", "States dropped from memory.")
      .Add(stats.states.evicted, {{"tier", "ram"}, {"reason", "space"}})
      .Add(stats.states.expired, {{"tier", "ram"}, {"reason", "expired"}});
  families.Gauge("lrti_cache_jobs", "Jobs known.").Add(stats.jobs);
  families.Gauge("lrti_cache_clients", "Client processes connected.").Add(stats.clients);
}

void AddLanes(const NodeStats& stats, Families& families) {
  families.Gauge("lrti_cache_lanes", "Connections of clients.").Add(stats.lanes);
  families.Counter("lrti_cache_lanes_opened_total", "Connections that clients made.")
      .Add(stats.lanes_opened);
  families.Counter("lrti_cache_lanes_closed_total", "Connections that the node ended, by why.")
      .Add(stats.lanes_refused, {{"reason", "refused"}})
      .Add(stats.protocol_errors, {{"reason", "protocol"}})
      .Add(stats.timeouts, {{"reason", "timeout"}});
  families.Counter("lrti_cache_received_bytes_total", "Bytes of states from clients.")
      .Add(stats.received_bytes);
  families.Counter("lrti_cache_sent_bytes_total", "Bytes of states to clients.")
      .Add(stats.sent_bytes);
}

void AddRedis(const RedisStats& stats, Families& families) {
  families.Gauge("lrti_cache_redis_up", "1 while the Redis behind the node answers.").Add(stats.up);
  families.Counter("lrti_cache_redis_connects_total", "Times that Redis was found.")
      .Add(stats.connects);
  families.Gauge("lrti_cache_demotions_queued", "States on their way to Redis.").Add(stats.queued);
  families.Counter("lrti_cache_demotions_total", "States for the second tier, by how that ended.")
      .Add(stats.demoted, {{"tier", "redis"}, {"result", "stored"}})
      .Add(stats.dropped, {{"tier", "redis"}, {"result", "dropped"}});
  families.Counter("lrti_cache_demoted_bytes_total", "Bytes of states written to Redis.")
      .Add(stats.demoted_bytes);
}

class Metrics final : public prometheus::Collectable {
 public:
  Metrics(const Node& node, const RedisTier* redis, const ControlServer* control)
      : node_(node), redis_(redis), control_(control) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    Families families;
    const NodeStats stats = node_.GetStats();
    const RedisStats redis = redis_ != nullptr ? redis_->GetStats() : RedisStats{};
    AddTimes(stats, families);
    AddRequests(stats.engine, redis, families);
    AddMemory(stats.engine, families);
    AddLanes(stats, families);
    if (redis_ != nullptr) AddRedis(redis, families);
    if (control_ != nullptr) AddCalls(families);
    return families.Take();
  }

 private:
  void AddCalls(Families& families) const {
    auto handled =
        families.Counter("grpc_server_handled_total", "Calls that ended, by their code.");
    for (const auto& [call, count] : control_->GetCalls()) {
      handled.Add(count, {{"grpc_service", "lrti.v1.Cache"},
                          {"grpc_method", call.first},
                          {"grpc_code", call.second}});
    }
  }

  const Node& node_;
  const RedisTier* const redis_;
  const ControlServer* const control_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> CacheMetrics(const Node& node, const RedisTier* redis,
                                                      const ControlServer* control) {
  return std::make_shared<Metrics>(node, redis, control);
}

}  // namespace lrti::cache
