#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/base/status.h"
#include "tests/bench/session.h"

namespace lrti::bench {
namespace {

absl::Status Serve(const std::string& config, const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(const auto session, Session::Open(config, overrides));
  std::printf("%s\n", R"({"ready": true})");
  std::fflush(stdout);
  char line[256];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    std::string command(line);
    while (!command.empty() && command.back() == '\n') command.pop_back();
    if (command == "quit") return absl::OkStatus();
    LRTI_ASSIGN_OR_RETURN(const std::string answer, session->Obey(command));
    std::printf("%s\n", answer.c_str());
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace lrti::bench

int main(int argc, char** argv) {
  CLI::App app{"One training run that advances when it is told to, for tests/bench/bench.py."};
  std::string config;
  std::vector<std::string> overrides;
  app.add_option("config", config, "Job file")->required();
  app.add_option("--set", overrides, "Change a field: spec.train.threads=2 (may be repeated)");
  app.footer(
      "Lines read: 'steps N', 'infer N', 'memory', 'save FOLDER', 'quit'. Each is answered by one "
      "JSON\n"
      "object on one line; the first such line says that the run is ready.");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = lrti::bench::Serve(config, overrides);
  if (status.ok()) return 0;
  std::fprintf(stderr, "lrti-bench-step: %s\n", lrti::Message(status).c_str());
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : 1;
}
