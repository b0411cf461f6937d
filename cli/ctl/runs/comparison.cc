#include "cli/ctl/runs/comparison.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "cli/ctl/output/human.h"
#include "common/config/to_node.h"
#include "fmt/format.h"

namespace lrti::ctl {
namespace {

using Leaves = std::vector<std::pair<std::string, std::string>>;  // path and value

// What stands at the ends of a tree, in its order. An empty list is an end, too.
void AddLeaves(const config::Node& node, const std::string& path, Leaves& leaves) {
  for (const config::Entry& entry : node.entries) {
    AddLeaves(entry.value, config::Below(path, entry.key), leaves);
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    AddLeaves(node.items[i], config::Below(path, fmt::format("{}", i)), leaves);
  }
  if (node.entries.empty() && node.items.empty()) leaves.emplace_back(path, node.text);
}

// Each path once: those of the first tree in its order, others where they first come.
std::vector<std::string> PathsOf(const std::vector<Leaves>& trees) {
  std::vector<std::string> paths;
  std::set<std::string> known;
  for (const Leaves& leaves : trees) {
    for (const auto& [path, value] : leaves) {
      if (known.insert(path).second) paths.push_back(path);
    }
  }
  return paths;
}

struct Row {
  std::string name;
  std::vector<Cell> cells;  // one a job
};

std::vector<Row> DifferentFields(const std::vector<PaperRow>& jobs) {
  std::vector<Leaves> trees;
  std::vector<std::map<std::string, std::string>> values;
  for (const PaperRow& job : jobs) {
    AddLeaves(config::ToNode(job.job.spec), "spec", trees.emplace_back());
    values.emplace_back(trees.back().begin(), trees.back().end());
  }
  std::vector<Row> rows;
  for (const std::string& path : PathsOf(trees)) {
    std::set<std::string> seen;
    Row row{.name = path, .cells = {}};
    for (const auto& of_job : values) {
      const auto value = of_job.find(path);
      seen.insert(value == of_job.end() ? "-" : value->second);
      row.cells.emplace_back(value == of_job.end() ? "-" : value->second);
    }
    if (seen.size() > 1) rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<Row> ResultRows(const std::vector<PaperRow>& jobs) {
  std::set<std::string> sets;
  for (const PaperRow& job : jobs) {
    for (const auto& [name, result] : job.results) sets.insert(name);
  }
  std::vector<Row> rows;
  for (const std::string& set : sets) {
    Row& row = rows.emplace_back(Row{.name = set + " PSNR / SSIM", .cells = {}});
    for (const PaperRow& job : jobs) {
      const auto found = job.results.find(set);
      row.cells.emplace_back(found == job.results.end() ? "-" : ScoresText(found->second));
    }
  }
  Row& memory = rows.emplace_back(Row{.name = "peak memory", .cells = {}});
  for (const PaperRow& job : jobs) memory.cells.push_back(PeakMemoryCell(job));
  Row& days = rows.emplace_back(Row{.name = "GPU-days", .cells = {}});
  for (const PaperRow& job : jobs) days.cells.push_back(GpuDaysCell(job));
  return rows;
}

}  // namespace

Listing Comparison(const std::vector<PaperRow>& jobs) {
  std::vector<Row> rows = DifferentFields(jobs);
  const size_t fields = rows.size();
  for (Row& row : ResultRows(jobs)) rows.push_back(std::move(row));

  Listing listing;
  listing.columns.push_back({""});
  for (size_t i = 0; i < jobs.size(); ++i) {
    listing.columns.push_back({jobs[i].job_id, false, true});
    nlohmann::ordered_json different = nlohmann::ordered_json::object();
    for (size_t k = 0; k < fields; ++k) different[rows[k].name] = rows[k].cells[i].exact;
    nlohmann::ordered_json job = RowJson(jobs[i]);
    job["fields"] = std::move(different);
    listing.json.push_back(std::move(job));
  }
  for (Row& row : rows) {
    std::vector<Cell>& cells = listing.rows.emplace_back();
    cells.emplace_back(row.name);
    std::move(row.cells.begin(), row.cells.end(), std::back_inserter(cells));
  }
  return listing;
}

}  // namespace lrti::ctl
