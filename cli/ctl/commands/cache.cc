#include <charconv>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/client/cache_node.h"
#include "cli/ctl/client/message_json.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/output/human.h"
#include "common/base/status.h"

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

std::string NumberText(uint64_t job) { return fmt::format("{:016x}", job); }

absl::StatusOr<uint64_t> ParseNumber(const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number, 16);
  if (error != std::errc() || stopped != end) {
    return InvalidArgument("'{}' is no number of the cache's; `lrti-ctl cache ls` shows them",
                           text);
  }
  return number;
}

Listing JobsListing(const v1::ListCacheJobsResponse& jobs) {
  Listing listing;
  listing.columns = {
      {"number"}, {"states", false, true}, {"size", false, true}, {"clients", false, true}};
  for (const v1::CacheJob& job : jobs.jobs()) {
    listing.rows.push_back({NumberText(job.job()), fmt::format("{}", job.states()),
                            Cell(ShortBytes(job.bytes()), fmt::format("{}", job.bytes())),
                            fmt::format("{}", job.clients())});
    listing.json.push_back({{"number", NumberText(job.job())},
                            {"states", job.states()},
                            {"bytes", job.bytes()},
                            {"clients", job.clients()}});
  }
  return listing;
}

// The node that the flag or the settings name.
absl::StatusOr<CacheNode> NodeOf(Session& session, const std::string& flag) {
  LRTI_ASSIGN_OR_RETURN(const FoundSettings* const found, session.Config());
  return CacheNode::At(flag.empty() ? found->settings.cache : flag, found->settings.timeout);
}

// What the node answers; says whom one waits for, should it take long.
template <typename T>
absl::StatusOr<T> Ask(const Session& session, const CacheNode& node,
                      absl::StatusOr<T> (CacheNode::*question)() const) {
  const Notice notice(session.console(), "waiting for the cache at " + node.address());
  return (node.*question)();
}

absl::StatusOr<int> Stats(Session& session, const std::string& flag) {
  LRTI_ASSIGN_OR_RETURN(const CacheNode node, NodeOf(session, flag));
  LRTI_ASSIGN_OR_RETURN(const v1::StatsResponse stats, Ask(session, node, &CacheNode::Stats));
  LRTI_RETURN_IF_ERROR(session.ShowOne(StatsListing(node.address(), stats)));
  return kOk;
}

absl::StatusOr<int> ListRuns(Session& session, const std::string& flag) {
  LRTI_ASSIGN_OR_RETURN(const CacheNode node, NodeOf(session, flag));
  LRTI_ASSIGN_OR_RETURN(const v1::ListCacheJobsResponse jobs, Ask(session, node, &CacheNode::Jobs));
  LRTI_RETURN_IF_ERROR(session.Show(JobsListing(jobs)));
  return kOk;
}

struct DropArguments {
  std::string control;
  std::vector<std::string> numbers;
  bool idle = false;
};

// The numbers that were named, or of all with states and without a trainer.
absl::StatusOr<std::vector<uint64_t>> NumbersOf(const CacheNode& node,
                                                const DropArguments& arguments) {
  std::vector<uint64_t> numbers;
  for (const std::string& text : arguments.numbers) {
    LRTI_ASSIGN_OR_RETURN(numbers.emplace_back(), ParseNumber(text));
  }
  if (!arguments.idle) return numbers;
  LRTI_ASSIGN_OR_RETURN(const v1::ListCacheJobsResponse jobs, node.Jobs());
  for (const v1::CacheJob& job : jobs.jobs()) {
    if (job.clients() == 0 && job.states() > 0) numbers.push_back(job.job());
  }
  return numbers;
}

absl::StatusOr<int> Drop(Session& session, const DropArguments& arguments) {
  if (arguments.numbers.empty() != arguments.idle) {
    return InvalidArgument("say which: numbers of `lrti-ctl cache ls`, or --idle");
  }
  LRTI_ASSIGN_OR_RETURN(const CacheNode node, NodeOf(session, arguments.control));
  LRTI_ASSIGN_OR_RETURN(const std::vector<uint64_t> numbers, NumbersOf(node, arguments));
  for (const uint64_t number : numbers) {
    LRTI_RETURN_IF_ERROR(node.Drop(number));
    session.console().Say("dropped " + NumberText(number));
  }
  if (numbers.empty()) session.console().Say("nothing is idle");
  return kOk;
}

}  // namespace

void AddCache(CLI::App& app, Session& session) {
  CLI::App* cache = app.add_subcommand("cache", "The hidden-state cache.");
  cache->require_subcommand(1);
  auto arguments = std::make_shared<DropArguments>();
  const auto add = [&](const std::string& name, const std::string& help,
                       std::function<absl::StatusOr<int>()> body) {
    CLI::App* const verb = AddVerb(*cache, session, name, help, std::move(body));
    verb->add_option("--control", arguments->control, "HOST:PORT of its control plane");
    return verb;
  };
  add("stats", "What a node holds and did.",
      [&session, arguments] { return Stats(session, arguments->control); });
  add("ls", "The training runs whose states a node holds, by the numbers that it knows them by.",
      [&session, arguments] { return ListRuns(session, arguments->control); });
  CLI::App* const drop =
      add("drop", "Forget the states of runs; one that goes on computes them anew.",
          [&session, arguments] { return Drop(session, *arguments); });
  drop->add_option("NUMBER", arguments->numbers, "From ls");
  drop->add_flag("--idle", arguments->idle, "All runs that no trainer is connected for");
}

}  // namespace lrti::ctl
