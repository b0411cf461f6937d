#include <cstdio>

#include "CLI/CLI.hpp"
#include "common/base/status.h"
#include "tests/bench/coordinator/swarm.h"

namespace {

int Print(const absl::StatusOr<nlohmann::json>& report) {
  if (!report.ok()) {
    std::fprintf(stderr, "lrti-bench-coordinator: %s\n", lrti::Message(report.status()).c_str());
    return 1;
  }
  std::printf("%s\n", report->dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Load for a coordinator; prints what it saw as JSON."};
  app.name("lrti-bench-coordinator");
  app.require_subcommand(1);
  int code = 0;

  lrti::bench::SubmitLoad submit;
  CLI::App* command = app.add_subcommand("submit", "Submits jobs.");
  command->add_option("coordinator", submit.coordinator, "HOST:PORT")->required();
  command->add_option("--jobs", submit.jobs, "How many")->capture_default_str();
  command->add_option("--threads", submit.threads, "Callers at a time")->capture_default_str();
  command->add_option("--rate", submit.rate, "Jobs a second; 0: as fast as it goes")
      ->capture_default_str();
  command->add_option("--gpus", submit.gpus, "Of each job")->capture_default_str();
  command->add_flag("--hold", submit.hold, "They wait for a person");
  command->callback([&] { code = Print(lrti::bench::RunSubmit(submit)); });

  lrti::bench::AgentLoad agents;
  command = app.add_subcommand("agents", "Agents that report once a second.");
  command->add_option("coordinator", agents.coordinator, "HOST:PORT")->required();
  command->add_option("--agents", agents.agents, "How many")->capture_default_str();
  command->add_option("--devices", agents.devices, "Of each")->capture_default_str();
  command->add_option("--threads", agents.threads, "Of this program")->capture_default_str();
  command->add_option("--seconds", agents.seconds, "How long")->capture_default_str();
  command->callback([&] { code = Print(lrti::bench::RunAgents(agents)); });

  CLI11_PARSE(app, argc, argv);
  return code;
}
