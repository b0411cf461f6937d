#pragma once

#include <cstdio>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/config/describe.h"
#include "common/config/dump.h"

namespace CLI {
class App;
}

namespace lrti::shell {

/// How a service is told its config: a file, then flags that stand for one field each, then --set.
class ConfigFlags {
 public:
  /// Adds --config, --set, --check, --print-config and --print-reference. `app` keeps a reference
  /// to this object.
  explicit ConfigFlags(CLI::App& app);
  ConfigFlags(const ConfigFlags&) = delete;
  ConfigFlags& operator=(const ConfigFlags&) = delete;

  /// A flag for a field that holds a text; its value is a text, whatever it looks like.
  void AddText(const std::string& flag, const std::string& field, const std::string& help);

  /// A flag that may be repeated, for a field that holds a list of texts.
  void AddTexts(const std::string& flag, const std::string& field, const std::string& help);

  /// A flag without value that makes a field true.
  void AddSwitch(const std::string& flag, const std::string& field, const std::string& help);

  void AddInteger(const std::string& flag, const std::string& field, const std::string& help);

  /// The config's YAML and the assignments to apply to it, in order. Errors: those of the file.
  struct Source {
    std::string yaml;
    std::vector<std::string> overrides;
    std::string name;  // of the file, or "config": for messages
  };
  absl::StatusOr<Source> Read() const;

  /// Does what --check, --print-config or --print-reference ask for; false: nothing, serve.
  template <typename Config>
  bool Answer(const Config& config, const std::string& program) const {
    if (print_) std::fputs(config::Dump(config).c_str(), stdout);
    if (print_reference_) std::fputs(config::Reference<Config>(program).c_str(), stdout);
    if (check_only_) std::puts("ok");
    return print_ || print_reference_ || check_only_;
  }

 private:
  CLI::App& app_;
  std::string path_;
  std::vector<std::string> flags_;  // as assignments
  std::vector<std::string> sets_;
  std::deque<std::pair<std::string, std::vector<std::string>>>
      lists_;  // field, texts; stay in place
  bool check_only_ = false;
  bool print_ = false;
  bool print_reference_ = false;
};

/// Reads a config with `parse(yaml, overrides)`; its findings come with the file's name in front.
template <typename Parse>
auto LoadConfig(const ConfigFlags& flags, const Parse& parse)
    -> decltype(parse(std::string(), std::vector<std::string>())) {
  LRTI_ASSIGN_OR_RETURN(const ConfigFlags::Source source, flags.Read());
  auto config = parse(source.yaml, source.overrides);
  if (config.ok()) return config;
  return InvalidArgument("{}:\n{}", source.name, Message(config.status()));
}

}  // namespace lrti::shell
