#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/open_file.h"
#include "common/base/places.h"
#include "services/worker/config.h"
#include "services/worker/device/inventory.h"

namespace lrti::worker {

/// Puts what this machine says in place of every `auto`. Errors: InvalidArgument when the machine
/// does not say it, with what to set.
absl::Status DecideAutos(const Variables& variable, WorkerConfig& config);

/// The GPUs, or slots of the processor where there are none. Errors: those of a driver that is
/// there but does not work.
absl::StatusOr<std::unique_ptr<Inventory>> FindDevices(const WorkerConfig& config);

/// Takes the spool for this process alone, as long as the file is open. Errors: FailedPrecondition
/// when another agent has it.
absl::StatusOr<OpenFile> LockSpool(const Spool& spool);

/// The number of this start of the agent: greater than that of every earlier one, though the clock
/// be set back. Where it cannot be kept, the clock alone counts, with a warning. REQUIRES: the
/// spool is locked.
uint64_t NextIncarnation(const Spool& spool, absl::Time now,
                         const std::function<void(const std::string&)>& warn);

/// The path of this program.
absl::StatusOr<std::string> OwnPath();

}  // namespace lrti::worker
