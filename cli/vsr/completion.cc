#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "fmt/format.h"

namespace lrti::vsr {
namespace {

/// What may follow `command` on the command line: its verbs and flags.
std::string WordsOf(const CLI::App& command) {
  std::string words;
  for (const CLI::App* verb : command.get_subcommands({})) words += " " + verb->get_name();
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words += " --" + name;
  }
  return words;
}

/// A bash function made from the flags as they are declared, so that it cannot fall behind them.
std::string BashCompletion(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* verb : app.get_subcommands({})) {
    cases += fmt::format("    {}) words=\"{}\" ;;\n", verb->get_name(), WordsOf(*verb));
  }
  return fmt::format(
      "_lrti_vsr() {{\n"
      "  local words=\"{}\"\n"
      "  [ \"$COMP_CWORD\" -gt 1 ] && case \"${{COMP_WORDS[1]}}\" in\n"
      "{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "}}\n"
      "complete -o default -F _lrti_vsr lrti-vsr\n",
      WordsOf(app), cases);
}

}  // namespace

void AddCompletion(CLI::App& app, int&) {
  CLI::App* command = app.add_subcommand("completion", "Print the shell's completion of lrti-vsr.");
  command->footer(
      "For bash, in ~/.bashrc:  source <(lrti-vsr completion bash)\n"
      "For zsh, in ~/.zshrc:    autoload -U bashcompinit && bashcompinit\n"
      "                         source <(lrti-vsr completion bash)");
  command->require_subcommand(1);
  command->add_subcommand("bash", "For bash, and for zsh with bashcompinit")->callback([&app] {
    std::fputs(BashCompletion(app).c_str(), stdout);
  });
}

}  // namespace lrti::vsr
