#pragma once

#include <string>
#include <vector>

#include "common/job/job.h"
#include "train/evaluate.h"
#include "train/run.h"

namespace lrti::vsr {

/// The papers' table: method, training length, PSNR / SSIM of each set, bicubic in the first row;
/// for a trained network also peak memory and days of its device.
std::string ResultsTable(const job::Job& job, const std::vector<train::SetScores>& scores,
                         const train::RunOutcome* outcome);

}  // namespace lrti::vsr
