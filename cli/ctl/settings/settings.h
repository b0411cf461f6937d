#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/places.h"
#include "common/config/schema.h"
#include "common/rpc/security.h"

namespace lrti::ctl {

/// All that lrti-ctl can be told in a file.
struct Settings {
  std::string coordinator = "127.0.0.1:7430";
  std::string cache = "127.0.0.1:7421";
  std::string user;
  std::string output = "table";
  absl::Duration timeout = absl::Seconds(10);
  rpc::Security security;

  static auto Fields() {
    return std::tuple{
        config::Field{"coordinator", &Settings::coordinator, "HOST:PORT of lrti-coordinator."},
        config::Field{"cache", &Settings::cache, "HOST:PORT of a cache node's control plane."},
        config::Field{"user", &Settings::user,
                      "Who asks, where no token says it; empty: the login name."},
        config::Field{"output", &Settings::output,
                      "Format of listings: table, wide, json, yaml, csv or name."},
        config::Field{"timeout", &Settings::timeout, "Longest wait for an answer.",
                      config::Between(absl::Milliseconds(10), absl::Hours(1))},
        config::Field{"security", &Settings::security, "Certificates and token."},
    };
  }
};
static_assert(config::Covered<Settings>);

/// Path of a field and what it was set to, as text.
using Assignments = std::vector<std::pair<std::string, std::string>>;

/// Where settings are looked for, beginning with what decides.
struct SettingsPlaces {
  Assignments flags;
  Variables variable = ProcessVariable;    // LRTI_COORDINATOR, LRTI_SECURITY_TOKEN_FILE, ...
  std::string project_file = "lrti.yaml";  // in the folder where one stands
  std::string system_file = "/etc/lrti/config.yaml";
  std::string stack_origin;  // what to call the stack that runs on this machine
  Assignments stack;
};

struct FoundSettings {
  Settings settings;
  std::map<std::string, std::string> origins;  // of every field, by its path
};

/// The user's own file: config.yaml in ConfigFolder.
std::string UserFile(const Variables& variable);

/// The user's token, where `lrti-ctl login` puts it.
std::string TokenFile(const Variables& variable);

/// The environment variable that sets a field: LRTI_SECURITY_CA for `security.ca`.
std::string VariableOf(const std::string& path);

/// Paths of all fields, in their order.
std::vector<std::string> SettingPaths();

/// Looks for every field in flags, environment, project file, user's file, the user's token, the
/// system's file, the running stack, defaults, in this order. A file's relative paths start at its
/// folder. Errors: InvalidArgument with the file and every finding.
absl::StatusOr<FoundSettings> FindSettings(const SettingsPlaces& places);

}  // namespace lrti::ctl
