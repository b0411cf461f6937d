#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/rpc/calls.h"
#include "services/coordinator/access/access.h"
#include "services/coordinator/access/audit.h"
#include "services/coordinator/engine/engine.h"
#include "services/coordinator/logs/spool_store.h"

namespace lrti::coordinator {

/// What both services work with. All of it outlives them.
struct Parts {
  Engine& engine;
  SpoolStore& spool;
  const Access& access;
  Audit& audit;
  const Clock& clock;
  rpc::Calls& calls;

  std::string version;
  std::string state_dir;
  absl::Time started;
  std::vector<std::string> cache_endpoints;  // given to jobs that name none
  std::string cache_secret;                  // tokens of jobs are made of it
  int streams_max = 256;  // that are open together; each holds one of the server's threads
};

}  // namespace lrti::coordinator
