#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "common/config/describe.h"
#include "common/job/job.h"

namespace lrti::vsr {

void AddDocs(CLI::App& app, int&) {
  CLI::App* command =
      app.add_subcommand("docs", "Print what is made from the declarations in the code.");
  command->require_subcommand(1);
  command->add_subcommand("reference", "Every field of a job, in Markdown")->callback([] {
    std::fputs(config::Reference<job::Job>("Job reference").c_str(), stdout);
  });
  command->add_subcommand("schema", "JSON Schema of a job, for editors")->callback([] {
    std::puts(config::JsonSchema<job::Job>().dump(2).c_str());
  });
}

}  // namespace lrti::vsr
