#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/ctl/client/cache_stats.h"
#include "cli/ctl/client/message_json.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/output/human.h"
#include "common/base/status.h"
#include "lrti/v1/cache.pb.h"

namespace lrti::ctl {
namespace {

Listing StatsListing(const std::string& address, const v1::StatsResponse& stats) {
  Listing listing;
  const uint64_t asked = stats.hits() + stats.misses() + stats.stale();
  const auto count = [](uint64_t number) { return fmt::format("{}", number); };
  const auto bytes = [&](uint64_t number) { return Cell(ShortBytes(number), count(number)); };
  listing.columns = {{"node"},
                     {"used", false, true},
                     {"of", false, true},
                     {"states", false, true},
                     {"jobs", false, true},
                     {"clients", false, true},
                     {"hits", false, true},
                     {"hit ratio", false, true},
                     {"evicted", false, true},
                     {"up", false, true},
                     {"misses", true, true},
                     {"stale", true, true},
                     {"stored", true, true},
                     {"corrupt", true, true},
                     {"draining", true}};
  listing.rows.push_back(
      {address, bytes(stats.used_bytes()), bytes(stats.pool_bytes()), count(stats.states()),
       count(stats.jobs()), count(stats.clients()), count(stats.hits()),
       asked == 0
           ? "-"
           : fmt::format("{:.3f}", static_cast<double>(stats.hits()) / static_cast<double>(asked)),
       count(stats.evicted()), ShortDuration(DurationOf(stats.uptime())), count(stats.misses()),
       count(stats.stale()), count(stats.stored()), count(stats.corrupt()),
       stats.draining() ? "yes" : "no"});
  listing.json.push_back(MessageJson(stats));
  return listing;
}

absl::StatusOr<int> Stats(Session& session, const std::string& flag) {
  LRTI_ASSIGN_OR_RETURN(const FoundSettings* const found, session.Config());
  const std::string address = flag.empty() ? found->settings.cache : flag;
  const auto stats = [&] {
    const Notice notice(session.console(), "waiting for the cache at " + address);
    return GetCacheStats(address, found->settings.timeout);
  }();
  if (!stats.ok()) return stats.status();
  LRTI_RETURN_IF_ERROR(session.ShowOne(StatsListing(address, *stats)));
  return kOk;
}

}  // namespace

void AddCache(CLI::App& app, Session& session) {
  CLI::App* cache = app.add_subcommand("cache", "The hidden-state cache.");
  cache->require_subcommand(1);
  auto address = std::make_shared<std::string>();
  AddVerb(*cache, session, "stats", "What a node holds and did.", [&session, address] {
    return Stats(session, *address);
  })->add_option("--control", *address, "HOST:PORT of its control plane");
}

}  // namespace lrti::ctl
