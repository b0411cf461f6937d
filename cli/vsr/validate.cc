#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "cli/vsr/report_status.h"
#include "common/job/job.h"

namespace lrti::vsr {

void AddValidate(CLI::App& app, int& exit_code) {
  struct Arguments {
    std::vector<std::string> files, overrides;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "validate",
      "Check job files: prints ok, or every error at once with its place. Exit code 2 "
      "where there is one.");
  command->add_option("config", arguments->files, "Job files")->required();
  command->add_option("--set", arguments->overrides,
                      "Change a field first: spec.train.iterations=100 (may be repeated)");
  command->callback([arguments, &exit_code] {
    for (const std::string& file : arguments->files) {
      const auto job = job::ParseFile(file, arguments->overrides);
      if (job.ok()) {
        std::printf("%s: ok\n", file.c_str());
      } else {
        exit_code = ReportStatus(job.status());
      }
    }
  });
}

}  // namespace lrti::vsr
