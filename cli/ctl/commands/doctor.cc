#include <sys/statvfs.h>

#include <algorithm>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/output/human.h"
#include "cli/ctl/stack/http_probe.h"
#include "cli/ctl/stack/stack.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kProbe = absl::Seconds(2);
constexpr absl::Duration kClockOff = absl::Seconds(5);
constexpr uint64_t kDiskFreeMin = uint64_t{2} << 30;

// What was looked at, how it is, and what to do.
class Report {
 public:
  Report() { listing_.columns = {{"check"}, {"state"}, {"found"}}; }

  void Good(const std::string& what, const std::string& found) {
    Add(what, {"ok", Cell::Color::kGood}, found);
  }
  void Bad(const std::string& what, const std::string& found) {
    Add(what, {"bad", Cell::Color::kBad}, found);
    healthy_ = false;
  }
  void Of(const std::string& what, const absl::Status& status, const std::string& found) {
    status.ok() ? Good(what, found) : Bad(what, Message(status));
  }

  const Listing& listing() const { return listing_; }
  bool healthy() const { return healthy_; }

 private:
  void Add(const std::string& what, Cell state, const std::string& found) {
    listing_.json.push_back({{"check", what}, {"state", state.exact}, {"found", found}});
    listing_.rows.push_back({what, std::move(state), found});
  }

  Listing listing_;
  bool healthy_ = true;
};

void CheckDisk(const std::string& what, const std::string& folder, Report& report) {
  struct statvfs about {};
  if (folder.empty() || ::statvfs(folder.c_str(), &about) != 0) return;
  const uint64_t free = uint64_t{about.f_bavail} * about.f_frsize;
  const std::string found = fmt::format("{} free at {}", ShortBytes(free), folder);
  free >= kDiskFreeMin ? report.Good(what, found)
                       : report.Bad(what, found + ": free some space, or jobs will stop");
}

void CheckStack(const std::string& state, Report& report) {
  const auto stack = ReadStack(state);
  if (absl::IsNotFound(stack.status())) {
    return report.Good("stack here", "none was ever started (lrti-ctl up)");
  }
  if (!stack.ok()) return report.Bad("stack here", Message(stack.status()));
  if (!IsRunning(*stack)) return report.Good("stack here", "not up (lrti-ctl up)");
  for (const StackProgram& program : stack->programs) {
    if (!IsRunning(program)) {
      report.Bad(program.name,
                 "it has ended; lrti-ctl up starts it again, " + program.log + " says why it did");
      continue;
    }
    const std::string& http = program.name == "lrti-cache"    ? stack->cache_http
                              : program.name == "lrti-worker" ? stack->worker_http
                                                              : stack->coordinator_http;
    report.Of(program.name, AskReady(http, kProbe), fmt::format("ready, process {}", program.pid));
  }
}

// An agent that is there was heard a moment ago by the coordinator's clock; by ours, too, where the
// clocks agree.
void CheckClock(const v1::ListAgentsResponse& agents, absl::Time now, Report& report) {
  absl::Time newest = absl::InfinitePast();
  for (const v1::Agent& agent : agents.agents()) {
    if (agent.state() == "ready") newest = std::max(newest, TimeOf(agent.last_seen()));
  }
  if (newest == absl::InfinitePast()) return;
  const absl::Duration off = newest - now;
  if (off > kClockOff) {
    report.Bad("clock",
               fmt::format("this machine is {} behind the coordinator", ShortDuration(off)));
  } else {
    report.Good("clock", "agrees with the coordinator's");
  }
}

void CheckAgents(Client& client, Report& report) {
  const auto agents = client.Agents();
  if (!agents.ok()) return report.Bad("agents", Message(agents.status()));
  if (agents->agents().empty()) report.Bad("agents", "none: no job can run (lrti-ctl up)");
  for (const v1::Agent& agent : agents->agents()) {
    const std::string found = fmt::format("{}, version {}{}", agent.state(), agent.version(),
                                          agent.message().empty() ? "" : ": " + agent.message());
    agent.state() == "ready" ? report.Good("agent " + agent.id(), found)
                             : report.Bad("agent " + agent.id(), found);
  }
  CheckClock(*agents, absl::Now(), report);
}

void CheckCoordinator(Session& session, Report& report) {
  const auto client = session.Coordinator();
  if (!client.ok()) return report.Bad("coordinator", Message(client.status()));
  const absl::Time begin = absl::Now();
  const auto info = (*client)->ServerInfo();
  if (!info.ok()) return report.Bad("coordinator", Message(info.status()));
  report.Good("coordinator", fmt::format("{}, answered in {:.1f} ms", (*client)->coordinator(),
                                         absl::ToDoubleMilliseconds(absl::Now() - begin)));
  const std::string versions =
      fmt::format("lrti-ctl {}, coordinator {}", kVersion, info->version());
  info->version() == kVersion ? report.Good("versions", versions)
                              : report.Bad("versions", versions + ": install the same everywhere");
  if (!info->trouble().empty()) report.Bad("journal", info->trouble());
  CheckAgents(**client, report);
}

absl::StatusOr<int> Doctor(Session& session) {
  Report report;
  const auto settings = session.Config();
  report.Of("settings", settings.status(),
            settings.ok() ? "coordinator " + (*settings)->settings.coordinator + " (" +
                                (*settings)->origins.at("coordinator") + ")"
                          : "");
  const std::string state = StateFolder(session.variable());
  CheckStack(state, report);
  if (settings.ok()) {
    const Notice notice(session.console(), "asking the coordinator");
    CheckCoordinator(session, report);
  }
  CheckDisk("disk", state, report);
  // Broken settings must not keep their own diagnosis from being shown.
  const auto format = session.OutputFormat();
  session.console().Print(
      Render(report.listing(), format.ok() ? *format : Format::kTable, session.console().color));
  return report.healthy() ? kOk : kFailure;
}

absl::StatusOr<int> Version(Session& session) {
  session.console().Print(std::string("lrti-ctl ") + kVersion + "\n");
  const auto client = session.Coordinator();
  if (!client.ok()) return client.status();
  const auto info = [&] {
    const Notice notice = session.Waiting();
    return (*client)->ServerInfo();
  }();
  if (info.ok()) {
    session.console().Print(
        fmt::format("lrti-coordinator {} at {}\n", info->version(), (*client)->coordinator()));
  } else {
    session.console().Say(Message(info.status()));
  }
  return kOk;
}

}  // namespace

void AddDoctor(CLI::App& app, Session& session) {
  AddVerb(app, session, "doctor",
          "Look whether all is reachable, alike in version, with room on disk. Exit code 1 when "
          "something is not.",
          [&session] { return Doctor(session); });
  AddVerb(app, session, "version", "Of lrti-ctl and, where it answers, of the coordinator.",
          [&session] { return Version(session); });
}

}  // namespace lrti::ctl
