#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/ctl/output/listing.h"
#include "common/job/job.h"

namespace lrti::ctl {

/// PSNR and SSIM of one evaluation set.
struct SetResult {
  std::string channel;  // "rgb" or "y"
  double psnr = 0, ssim = 0;
  double bicubic_psnr = 0, bicubic_ssim = 0;
};

/// A run's results.json. Errors: NotFound when the run has none yet; DataLoss naming the file.
absl::StatusOr<std::map<std::string, SetResult>> ReadResults(const std::string& run);

/// A trained network, as one row.
struct PaperRow {
  std::string job_id;
  job::Job job;
  uint64_t peak_memory_bytes = 0;  // 0: unknown
  double gpu_seconds = 0;
  std::map<std::string, SetResult> results;  // empty: none yet
};

/// "32.10 / 0.8812".
std::string ScoresText(const SetResult& result);
/// "-" where it is unknown.
Cell PeakMemoryCell(const PaperRow& row);
Cell GpuDaysCell(const PaperRow& row);

/// A row with all that is known of it, exactly.
nlohmann::ordered_json RowJson(const PaperRow& row);

/// The papers' table: method, training length, PSNR / SSIM of each set, peak memory, GPU-days; a
/// row for bicubic first, from the first row that has the set. The same columns as lrti-vsr's.
Listing PaperTable(const std::vector<PaperRow>& rows);

}  // namespace lrti::ctl
