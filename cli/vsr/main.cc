#include <string>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"Recurrent video super-resolution: training with long-range hidden states."};
  app.name("lrti-vsr");
  app.require_subcommand(1);
  app.set_version_flag("--version", lrti::vsr::kVersion);
  app.footer(
      "Begin with:\n"
      "  lrti-vsr validate configs/quickstart.yaml   is this job well-formed?\n"
      "  lrti-vsr train configs/quickstart.yaml      train it\n"
      "Exit codes: 0 done, 1 the run failed, 2 bad flags, config or paths, 130 interrupted; train\n"
      "also 75 try again, 93 do not restart.");
  int exit_code = 0;
  lrti::vsr::AddTrain(app, exit_code);
  lrti::vsr::AddEval(app, exit_code);
  lrti::vsr::AddUpscale(app, exit_code);
  lrti::vsr::AddExport(app, exit_code);
  lrti::vsr::AddInspect(app, exit_code);
  lrti::vsr::AddValidate(app, exit_code);
  lrti::vsr::AddDocs(app, exit_code);
  lrti::vsr::AddCompletion(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return exit_code;
}
