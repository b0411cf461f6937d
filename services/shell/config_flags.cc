#include "services/shell/config_flags.h"

#include "CLI/CLI.hpp"
#include "common/base/files.h"
#include "common/config/yaml.h"
#include "fmt/format.h"

namespace lrti::shell {
namespace {

/// As a text of YAML.
std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (const char letter : value) quoted += letter == '\'' ? "''" : std::string(1, letter);
  return quoted + "'";
}

}  // namespace

ConfigFlags::ConfigFlags(CLI::App& app) : app_(app) {
  app.add_option("--config", path_, "YAML file; flags override it");
  app.add_option("--set", sets_, "Change any field of the config: a.b=2s (may be repeated)")
      ->allow_extra_args(false);
  app.add_flag("--check", check_only_, "Only check the config");
  app.add_flag("--print-config", print_, "Only print the whole config");
  app.add_flag("--print-reference", print_reference_, "Only print what can be set, in Markdown");
}

void ConfigFlags::AddText(const std::string& flag, const std::string& field,
                          const std::string& help) {
  const auto add = [this, field](const std::string& value) {
    flags_.push_back(field + "=" + Quoted(value));
  };
  app_.add_option_function<std::string>(flag, add, help)->take_last();
}

void ConfigFlags::AddTexts(const std::string& flag, const std::string& field,
                           const std::string& help) {
  auto& list = lists_.emplace_back(field, std::vector<std::string>());
  app_.add_option(flag, list.second, help)->allow_extra_args(false);
}

void ConfigFlags::AddSwitch(const std::string& flag, const std::string& field,
                            const std::string& help) {
  app_.add_flag_callback(
      flag, [this, field] { flags_.push_back(field + "=true"); }, help);
}

void ConfigFlags::AddInteger(const std::string& flag, const std::string& field,
                             const std::string& help) {
  const auto add = [this, field](int64_t value) {
    flags_.push_back(fmt::format("{}={}", field, value));
  };
  app_.add_option_function<int64_t>(flag, add, help)->take_last();
}

absl::StatusOr<ConfigFlags::Source> ConfigFlags::Read() const {
  Source source{.yaml = "", .overrides = flags_, .name = path_.empty() ? "config" : path_};
  if (!path_.empty()) {
    LRTI_ASSIGN_OR_RETURN(source.yaml, ReadFile(path_, config::kTextBytesMax));
  }
  for (const auto& [field, texts] : lists_) {
    if (texts.empty()) continue;
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + Quoted(text);
    source.overrides.push_back(fmt::format("{}=[{}]", field, list));
  }
  source.overrides.insert(source.overrides.end(), sets_.begin(), sets_.end());
  return source;
}

}  // namespace lrti::shell
