#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/calls.h"
#include "common/rpc/server.h"
#include "services/coordinator/access/access.h"
#include "services/coordinator/access/audit.h"
#include "services/coordinator/config.h"
#include "services/coordinator/engine/engine.h"
#include "services/coordinator/journal/journal.h"
#include "services/coordinator/logs/spool_store.h"
#include "services/http/server.h"

namespace grpc {
class Service;
}

namespace lrti::coordinator {

inline constexpr const char* kVersion = "0.1.0";

/// lrti-coordinator, all its parts together.
class Program {
 public:
  /// Starts everything. `config.state` and `config.jobs.runs` are set. Errors: FailedPrecondition
  /// when another coordinator has the state folder; Unavailable for an address that is taken.
  static absl::StatusOr<std::unique_ptr<Program>> Start(const ProgramConfig& config);

  ~Program();

  /// What serves where, for people.
  std::string Describe() const;

 private:
  explicit Program(const ProgramConfig& config);
  absl::Status StartAll();
  absl::Status StartRpc();
  absl::Status StartHttp();
  void ForgetLogs(const std::string& job);

  const ProgramConfig config_;
  const SystemClock clock_;
  Access access_;
  rpc::Calls calls_;
  SpoolStore spool_;
  std::unique_ptr<Journal> journal_;
  std::optional<Audit> audit_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<grpc::Service> jobs_, agents_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<http::Server> http_;
};

}  // namespace lrti::coordinator
