#include "train/run_folder.h"

#include <filesystem>
#include <system_error>

#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::train {

absl::StatusOr<RunFolder> RunFolder::Open(const std::string& path, bool resume) {
  RunFolder folder(path);
  std::error_code ignored;  // an unreadable folder shows when it is written to
  const bool in_use = std::filesystem::exists(folder.config(), ignored);
  if (in_use && !resume) {
    return Error(absl::StatusCode::kAlreadyExists,
                 "{}: holds a run already; go on with it by --resume, or choose another --run-dir",
                 path);
  }
  LRTI_RETURN_IF_ERROR(MakeFolders(folder.checkpoints()));
  LRTI_RETURN_IF_ERROR(MakeFolders(folder.samples()));
  return folder;
}

}  // namespace lrti::train
