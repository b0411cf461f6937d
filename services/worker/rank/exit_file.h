#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"
#include "services/worker/rank/records.h"

namespace lrti::worker {

/// Room on the disk for an exit record, taken before it is needed: a disk that fills up while the
/// trainer runs cannot hide how it ended.
class ExitFile {
 public:
  static absl::StatusOr<ExitFile> Reserve(const std::string& path);

  /// Puts the record at its path, synced and at once.
  absl::Status Write(const ExitRecord& record);

 private:
  ExitFile(OpenFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  OpenFile file_;
  std::string path_;
};

}  // namespace lrti::worker
