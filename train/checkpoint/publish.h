#pragma once

#include <string>

#include "absl/status/status.h"

namespace lrti::checkpoint {

/// Gives a finished folder its name. Where one of that name exists, both swap names in one act, and
/// `temporary` then holds the old one. After an error both are as they were.
absl::Status Publish(const std::string& temporary, const std::string& path);

/// The same for file systems that cannot swap names, such as NFS. For a moment no folder has the
/// name: after a crash then, that of an older checkpoint is the newest.
absl::Status PublishInSteps(const std::string& temporary, const std::string& path);

}  // namespace lrti::checkpoint
