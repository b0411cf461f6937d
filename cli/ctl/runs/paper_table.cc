#include "cli/ctl/runs/paper_table.h"

#include <limits>
#include <set>
#include <variant>

#include "cli/ctl/output/human.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "fmt/format.h"

namespace lrti::ctl {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr uint64_t kResultsBytesMax = uint64_t{1} << 30;

struct TrainingLength {
  std::string operator()(const job::PlainStrategy& s) const {
    return fmt::format("L={}", s.clip_frames);
  }
  std::string operator()(const job::TbStrategy& s) const {
    return fmt::format("L={} T={} N={}", s.clip_frames, s.sequence_frames, s.clips_per_sequence);
  }
  std::string operator()(const job::PiStrategy& s) const {
    return fmt::format("L={} R={}", s.clip_frames, s.repeats);
  }
};

std::string MethodOf(const job::Spec& spec) {
  const auto type = [](const auto& config) { return std::string(config.kType); };
  return std::visit(type, spec.model) + " " + std::visit(type, spec.strategy);
}

// An infinite PSNR, of equal pictures, is null in the file.
double NumberOf(const Json& json, const char* name) {
  const Json& value = json.at(name);
  return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
}

// The names of all sets, each with its channel, in the order of their names.
std::map<std::string, const SetResult*> SetsOf(const std::vector<PaperRow>& rows) {
  std::map<std::string, const SetResult*> sets;
  for (const PaperRow& row : rows) {
    for (const auto& [name, result] : row.results) sets.emplace(name, &result);
  }
  return sets;
}

std::string Scores(double psnr, double ssim) { return fmt::format("{:.2f} / {:.4f}", psnr, ssim); }

std::vector<Cell> RowCells(const PaperRow& row,
                           const std::map<std::string, const SetResult*>& sets) {
  std::vector<Cell> cells = {MethodOf(row.job.spec),
                             std::visit(TrainingLength{}, row.job.spec.strategy)};
  for (const auto& [name, unused] : sets) {
    const auto found = row.results.find(name);
    cells.emplace_back(found == row.results.end() ? "-" : ScoresText(found->second));
  }
  cells.push_back(PeakMemoryCell(row));
  cells.push_back(GpuDaysCell(row));
  cells.emplace_back(row.job.metadata.name);
  cells.emplace_back(row.job_id);
  return cells;
}

}  // namespace

std::string ScoresText(const SetResult& result) { return Scores(result.psnr, result.ssim); }

Cell PeakMemoryCell(const PaperRow& row) {
  return {row.peak_memory_bytes == 0 ? "-" : ShortBytes(row.peak_memory_bytes),
          fmt::format("{}", row.peak_memory_bytes)};
}

Cell GpuDaysCell(const PaperRow& row) {
  return {Days(row.gpu_seconds), fmt::format("{}", row.gpu_seconds / 86400)};
}

OrderedJson RowJson(const PaperRow& row) {
  OrderedJson sets = OrderedJson::object();
  for (const auto& [name, result] : row.results) {
    sets[name] = {{"channel", result.channel},
                  {"psnr", result.psnr},
                  {"ssim", result.ssim},
                  {"bicubic_psnr", result.bicubic_psnr},
                  {"bicubic_ssim", result.bicubic_ssim}};
  }
  return {{"job", row.job_id},
          {"name", row.job.metadata.name},
          {"method", MethodOf(row.job.spec)},
          {"training_length", std::visit(TrainingLength{}, row.job.spec.strategy)},
          {"sets", std::move(sets)},
          {"peak_memory_bytes", row.peak_memory_bytes},
          {"gpu_days", row.gpu_seconds / 86400}};
}

absl::StatusOr<std::map<std::string, SetResult>> ReadResults(const std::string& run) {
  const std::string path = JoinPath(run, "results.json");
  LRTI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kResultsBytesMax));
  std::map<std::string, SetResult> results;
  try {
    const Json json = Json::parse(text);
    for (const auto& [name, set] : json.at("sets").items()) {
      results[name] = {set.at("channel").get<std::string>(), NumberOf(set, "psnr"),
                       NumberOf(set, "ssim"), NumberOf(set, "bicubic_psnr"),
                       NumberOf(set, "bicubic_ssim")};
    }
  } catch (const Json::exception& error) {
    return DataLoss("{}: {}", path, error.what());
  }
  return results;
}

Listing PaperTable(const std::vector<PaperRow>& rows) {
  const auto sets = SetsOf(rows);
  Listing listing;
  listing.columns = {{"method"}, {"training length", false, true}};
  std::vector<Cell> bicubic = {"bicubic", "-"};
  for (const auto& [name, result] : sets) {
    listing.columns.push_back(
        {fmt::format("{} {} PSNR / SSIM", name, result->channel == "rgb" ? "RGB" : "Y"), false,
         true});
    bicubic.emplace_back(Scores(result->bicubic_psnr, result->bicubic_ssim));
  }
  for (const char* header : {"peak memory", "GPU-days"}) {
    listing.columns.push_back({header, false, true});
    bicubic.emplace_back("-", "");
  }
  listing.columns.push_back({"name"});
  listing.columns.push_back({"job", true});
  bicubic.emplace_back("-", "");
  bicubic.emplace_back("-", "");
  if (!sets.empty()) listing.rows.push_back(std::move(bicubic));
  for (const PaperRow& row : rows) {
    listing.rows.push_back(RowCells(row, sets));
    listing.json.push_back(RowJson(row));
  }
  return listing;
}

}  // namespace lrti::ctl
