#pragma once

#include <vector>

#include "cli/ctl/output/listing.h"
#include "cli/ctl/runs/paper_table.h"

namespace lrti::ctl {

/// Jobs beside each other, a column each: the fields of their specs that are not the same in all,
/// then PSNR / SSIM of each set, peak memory and GPU-days. Its JSON has an object for each job.
Listing Comparison(const std::vector<PaperRow>& jobs);

}  // namespace lrti::ctl
