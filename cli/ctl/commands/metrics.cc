#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

absl::StatusOr<int> Metrics(Session& session, const std::string& name, int64_t attempt,
                            bool follow) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  session.interrupt().TakeSignals();
  v1::StreamMetricsRequest request;
  request.set_job(name);
  request.set_attempt(attempt);
  request.set_follow(follow);
  bool came = false;
  const auto take = [&](const v1::MetricEvents& events) {
    session.console().Print(events.json_lines());
    request.set_attempt(events.attempt());
    request.set_after(events.next());
    came = true;
  };
  const auto read = [&] {
    const v1::StreamMetricsRequest now = request;
    return client->StreamMetrics(now, session.interrupt(), take);
  };
  const absl::Status status =
      follow ? KeepReading(session, read, [&] { return std::exchange(came, false); }) : read();
  if (session.interrupt().asked()) return Detached(session, name, "lrti-ctl metrics -f " + name);
  LRTI_RETURN_IF_ERROR(status);
  return kOk;
}

}  // namespace

void AddMetrics(CLI::App& app, Session& session) {
  struct Arguments {
    std::string job;
    int64_t attempt = 0;
    bool follow = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = AddVerb(
      app, session, "metrics", "What a job reports of itself, as JSON lines (docs/events.md).",
      [&session, arguments] {
        return Metrics(session, arguments->job, arguments->attempt, arguments->follow);
      });
  verb->add_option("JOB", arguments->job, "Id, or its first letters")->required();
  verb->add_option("--attempt", arguments->attempt, "Of this attempt; 0: all")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  verb->add_flag("-f,--follow", arguments->follow, "Until the job ends");
}

}  // namespace lrti::ctl
