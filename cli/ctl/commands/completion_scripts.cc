#include "cli/ctl/commands/completion_scripts.h"

#include <vector>

#include "CLI/CLI.hpp"
#include "fmt/format.h"

namespace lrti::ctl {
namespace {

std::vector<const CLI::App*> VerbsOf(const CLI::App& app) {
  std::vector<const CLI::App*> verbs;
  for (const CLI::App* verb : app.get_subcommands({})) {
    if (!verb->get_group().empty()) verbs.push_back(verb);  // no group: hidden
  }
  return verbs;
}

std::string FlagsOf(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words += " --" + name;
  }
  return words;
}

// What may follow: verbs and flags.
std::string WordsOf(const CLI::App& app) {
  std::string words;
  for (const CLI::App* verb : VerbsOf(app)) words += " " + verb->get_name();
  return words + FlagsOf(app);
}

// "jobs" or "agents" where the verb takes their names.
std::string NamesOf(const CLI::App& verb) {
  for (const CLI::Option* option : verb.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    if (name == "JOB" || name == "RUN") return "jobs";
    if (name == "AGENT") return "agents";
  }
  return "";
}

std::string BashCase(const std::string& pattern, const CLI::App& verb, const std::string& global) {
  const std::string names = NamesOf(verb);
  const std::string live =
      names.empty() ? "" : fmt::format(" $(lrti-ctl __complete {} 2>/dev/null)", names);
  return fmt::format("    '{}') words=\"{}{}{}\" ;;\n", pattern, WordsOf(verb), global, live);
}

std::string Quoted(std::string text) {
  std::string quoted = "'";
  for (const char letter : text) {
    quoted +=
        letter == '\'' || letter == '\\' ? std::string("\\") + letter : std::string(1, letter);
  }
  return quoted + "'";
}

std::string FishFlags(const CLI::App& app, const std::string& condition) {
  std::string lines;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    lines += "complete -c lrti-ctl" + condition + " -l " + option->get_lnames().front();
    if (!option->get_snames().empty()) lines += " -s " + option->get_snames().front();
    if (option->get_items_expected_max() > 0) lines += " -r";
    lines += " -d " + Quoted(option->get_description()) + "\n";
  }
  return lines;
}

std::string FishNames(const CLI::App& verb, const std::string& condition) {
  const std::string names = NamesOf(verb);
  if (names.empty()) return "";
  return fmt::format("complete -c lrti-ctl{} -f -a '(lrti-ctl __complete {} 2>/dev/null)'\n",
                     condition, names);
}

std::string FishVerb(const CLI::App& verb, const std::string& condition) {
  return fmt::format("complete -c lrti-ctl{} -f -a {} -d {}\n", condition, verb.get_name(),
                     Quoted(verb.get_description()));
}

}  // namespace

std::string BashCompletion(const CLI::App& app) {
  const std::string global = FlagsOf(app);
  std::string cases;
  for (const CLI::App* verb : VerbsOf(app)) {
    for (const CLI::App* below : VerbsOf(*verb)) {
      cases += BashCase(verb->get_name() + " " + below->get_name(), *below, global);
    }
    cases += BashCase(verb->get_name() + (VerbsOf(*verb).empty() ? "" : " "), *verb, global);
  }
  std::string groups;
  for (const CLI::App* verb : VerbsOf(app)) {
    if (!VerbsOf(*verb).empty())
      groups += fmt::format("{}{}", groups.empty() ? "" : "|", verb->get_name());
  }
  return fmt::format(
      "_lrti_ctl() {{\n"
      "  local words=\"{0}\" verb=\"${{COMP_WORDS[1]}}\"\n"
      "  case \"$verb\" in\n"
      "    {1}) [ \"$COMP_CWORD\" -gt 2 ] && verb=\"$verb ${{COMP_WORDS[2]}}\" || verb=\"$verb \" "
      ";;\n"
      "  esac\n"
      "  [ \"$COMP_CWORD\" -gt 1 ] && case \"$verb\" in\n"
      "{2}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "}}\n"
      "complete -o default -F _lrti_ctl lrti-ctl\n",
      WordsOf(app), groups, cases);
}

std::string ZshCompletion(const CLI::App& app) {
  return "autoload -U +X bashcompinit && bashcompinit\n" + BashCompletion(app);
}

std::string FishCompletion(const CLI::App& app) {
  const std::string seen_from = "__fish_seen_subcommand_from ";
  std::string script = FishFlags(app, "");
  for (const CLI::App* verb : VerbsOf(app)) {
    script += FishVerb(*verb, " -n __fish_use_subcommand");
    const std::string seen = seen_from + verb->get_name();
    const auto when = [](const std::string& condition) { return " -n '" + condition + "'"; };
    script += FishFlags(*verb, when(seen)) + FishNames(*verb, when(seen));
    std::string siblings;
    for (const CLI::App* below : VerbsOf(*verb)) siblings += " " + below->get_name();
    for (const CLI::App* below : VerbsOf(*verb)) {
      script += FishVerb(*below, when(seen + "; and not " + seen_from + siblings));
      const std::string both = when(seen + "; and " + seen_from + below->get_name());
      script += FishFlags(*below, both) + FishNames(*below, both);
    }
  }
  return script;
}

}  // namespace lrti::ctl
