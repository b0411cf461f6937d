#include "cli/ctl/commands/session.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/stack/stack.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

// What a stack of this machine says, if its coordinator runs.
void AddStack(const Variables& variable, SettingsPlaces& places) {
  const std::string state = StateFolder(variable);
  const auto stack = ReadStack(state);
  if (!stack.ok()) return;  // none was ever started, or `up` and `down` tell what is wrong with it
  const auto runs = [](const StackProgram& program) {
    return program.name == "lrti-coordinator" && IsRunning(program);
  };
  if (std::none_of(stack->programs.begin(), stack->programs.end(), runs)) return;
  places.stack_origin = "running stack " + StackFile(state);
  places.stack = {{"coordinator", stack->coordinator}, {"cache", stack->cache_control}};
}

std::string LoginName() {
  const passwd* const entry = ::getpwuid(::getuid());
  return entry == nullptr ? fmt::format("{}", ::getuid()) : entry->pw_name;
}

}  // namespace

void Session::Run(const std::function<absl::StatusOr<int>()>& verb) {
  console_.quiet = flags_.quiet;
  const absl::StatusOr<int> code = verb();
  if (!code.ok()) Tell(code.status());
  exit_code_ = code.ok() ? *code : ExitCodeOf(code.status());
}

void Session::Tell(const absl::Status& status) const {
  console_.Warn("error: " + Message(status));
  if (const std::string next = NextStep(status); !next.empty()) console_.Warn("next: " + next);
}

absl::StatusOr<const FoundSettings*> Session::Config() {
  if (settings_) return &*settings_;
  SettingsPlaces places;
  places.variable = variable_;
  const auto add = [&places](const char* path, const std::string& value) {
    if (!value.empty()) places.flags.emplace_back(path, value);
  };
  add("coordinator", flags_.coordinator);
  add("output", flags_.output);
  add("timeout", flags_.timeout);
  AddStack(variable_, places);
  LRTI_ASSIGN_OR_RETURN(settings_, FindSettings(places));
  return &*settings_;
}

absl::StatusOr<Client*> Session::Coordinator() {
  if (client_) return client_.get();
  LRTI_ASSIGN_OR_RETURN(const FoundSettings* const found, Config());
  const Settings& settings = found->settings;
  LRTI_ASSIGN_OR_RETURN(client_, Client::Create({.coordinator = settings.coordinator,
                                                 .security = settings.security,
                                                 .timeout = settings.timeout}));
  return client_.get();
}

Notice Session::Waiting() const {
  const std::string address = client_ ? client_->coordinator() : "";
  return Notice(console_, "waiting for the coordinator at " + address);
}

std::string Session::User() {
  const auto found = Config();
  const bool named = found.ok() && !(*found)->settings.user.empty();
  return named ? (*found)->settings.user : LoginName();
}

absl::StatusOr<Format> Session::OutputFormat() {
  LRTI_ASSIGN_OR_RETURN(const FoundSettings* const found, Config());
  return ParseFormat(found->settings.output);
}

absl::Status Session::Show(const Listing& listing) {
  LRTI_ASSIGN_OR_RETURN(const Format format, OutputFormat());
  console_.Print(Render(listing, format, console_.color));
  return absl::OkStatus();
}

absl::Status Session::ShowOne(Listing listing) {
  if (listing.json.size() == 1) {
    nlohmann::ordered_json only = listing.json[0];
    listing.json = std::move(only);
  }
  return Show(listing);
}

}  // namespace lrti::ctl
