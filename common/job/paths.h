#pragma once

#include <filesystem>

#include "common/job/job.h"

namespace lrti::job {

/// Makes every path of a spec that is relative one below `folder`.
void MakePathsAbsolute(const std::filesystem::path& folder, Spec& spec);

}  // namespace lrti::job
