#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/ctl/client/client.h"
#include "cli/ctl/output/console.h"
#include "cli/ctl/output/interrupt.h"
#include "cli/ctl/output/listing.h"
#include "cli/ctl/output/notice.h"
#include "cli/ctl/settings/settings.h"

namespace lrti::ctl {

inline constexpr const char* kVersion = "0.1.0";

/// Flags that every verb takes.
struct GlobalFlags {
  std::string coordinator;
  std::string output;
  std::string timeout;
  bool quiet = false;
};

/// One run of lrti-ctl: what a verb works with. Not thread-safe.
class Session {
 public:
  /// The interrupt outlives it.
  Session(Console console, Variables variable, Interrupt& interrupt)
      : console_(std::move(console)), variable_(std::move(variable)), interrupt_(interrupt) {}

  GlobalFlags& flags() { return flags_; }
  Console& console() { return console_; }
  const Console& console() const { return console_; }
  const Variables& variable() const { return variable_; }
  Interrupt& interrupt() { return interrupt_; }
  int exit_code() const { return exit_code_; }

  /// Runs a verb: keeps its exit code, or tells its error and keeps the code of that.
  void Run(const std::function<absl::StatusOr<int>()>& verb);

  /// Found at the first call. Errors: InvalidArgument.
  absl::StatusOr<const FoundSettings*> Config();

  /// Made at the first call. Errors: InvalidArgument.
  absl::StatusOr<Client*> Coordinator();

  /// Says whom one waits for, should it take long.
  Notice Waiting() const;

  /// Who asks, where no token says it.
  std::string User();

  /// Prints a listing in the format that was asked for. Errors: InvalidArgument for another format.
  absl::Status Show(const Listing& listing);

  /// Prints one thing: its listing, or its JSON alone.
  absl::Status ShowOne(Listing listing);

  absl::StatusOr<Format> OutputFormat();

  /// Tells an error with its next step.
  void Tell(const absl::Status& status) const;

 private:
  Console console_;
  const Variables variable_;
  Interrupt& interrupt_;
  GlobalFlags flags_;
  std::optional<FoundSettings> settings_;
  std::unique_ptr<Client> client_;
  int exit_code_ = 0;
};

}  // namespace lrti::ctl
