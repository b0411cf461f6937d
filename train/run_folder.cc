#include "train/run_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::train {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);  // with an older attempt that ends

absl::StatusOr<RunLock> Lock(const std::string& path, int64_t attempt) {
  const bool counted = attempt > 0;
  auto lock = RunLock::Take(path, counted ? kPatience : absl::ZeroDuration(),
                            [](absl::Duration pause) { absl::SleepFor(pause); });
  if (lock.ok() || counted || !absl::IsUnavailable(lock.status())) return lock;
  return Error(absl::StatusCode::kAlreadyExists, "{}", Message(lock.status()));
}

}  // namespace

absl::StatusOr<RunFolder> RunFolder::Open(const std::string& path, bool resume, int64_t attempt) {
  RunFolder folder(path);
  std::error_code ignored;  // an unreadable folder shows when it is written to
  const bool in_use = std::filesystem::exists(folder.config(), ignored);
  if (in_use && !resume) {
    return Error(absl::StatusCode::kAlreadyExists,
                 "{}: holds a run already; go on with it by --resume, or choose another --run-dir",
                 path);
  }
  LRTI_RETURN_IF_ERROR(MakeFolders(path));
  // First the fence: from here on an older attempt writes no checkpoint, however long it lives.
  LRTI_ASSIGN_OR_RETURN(folder.fence_, Fence::Raise(path, attempt));
  LRTI_ASSIGN_OR_RETURN(folder.lock_, Lock(path, attempt));
  LRTI_RETURN_IF_ERROR(folder.MayWrite());
  LRTI_RETURN_IF_ERROR(MakeFolders(folder.checkpoints()));
  LRTI_RETURN_IF_ERROR(MakeFolders(folder.samples()));
  return folder;
}

}  // namespace lrti::train
