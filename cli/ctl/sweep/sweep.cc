#include "cli/ctl/sweep/sweep.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <variant>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/config/findings.h"
#include "common/config/scalar.h"
#include "common/config/yaml.h"

namespace lrti::ctl {
namespace {

using config::Findings;
using config::Node;

// A range to draw from.
struct Range {
  double low = 0, high = 0;
  int64_t whole_low = 0, whole_high = 0;
  bool whole = false, log = false;
};

struct Axis {
  std::string path;
  std::variant<std::vector<std::string>, Range> values;
};

// The value as it stands behind `path=`: one line of YAML.
std::string Written(const Node& node) {
  if (node.kind == Node::Kind::kMap) {
    std::string text = "{";
    for (const config::Entry& entry : node.entries) {
      text += (text.size() > 1 ? ", " : "") + entry.key + ": " + Written(entry.value);
    }
    return text + "}";
  }
  std::string text = config::EmitYaml(node);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// What stands on a label: the text itself, not its quotes.
std::string Shown(const Node& node) {
  return node.kind == Node::Kind::kScalar ? node.text : Written(node);
}

bool IsFieldPath(const std::string& path) {
  return path.starts_with("spec.") && path.size() > 5 && path.back() != '.' &&
         path.find("..") == std::string::npos && path.find('=') == std::string::npos;
}

bool CheckPath(const std::string& where, int line, const std::string& path, Findings& findings) {
  if (IsFieldPath(path)) return true;
  findings.Add(config::Below(where, path), line,
               "is no path of a field to vary, such as spec.optimizer.lr");
  return false;
}

std::optional<std::vector<std::string>> ReadList(const std::string& path, const Node& node,
                                                 Findings& findings) {
  if (node.kind != Node::Kind::kList || node.items.empty()) {
    findings.Add(path, node.line, "a list of values is expected, such as [1, 2]");
    return std::nullopt;
  }
  std::vector<std::string> values;
  for (const Node& item : node.items) values.push_back(Written(item));
  return values;
}

std::optional<Range> ReadRange(const std::string& path, const Node& node, Findings& findings) {
  const size_t before = findings.count();
  Range range;
  for (const config::Entry& entry : node.entries) {
    const std::string below = config::Below(path, entry.key);
    absl::Status read = absl::OkStatus();
    if (entry.key == "min") {
      read = config::Read(entry.value, range.low);
    } else if (entry.key == "max") {
      read = config::Read(entry.value, range.high);
    } else if (entry.key == "log") {
      read = config::Read(entry.value, range.log);
    } else {
      findings.Add(below, entry.line, "unknown key; known: min, max, log");
    }
    if (!read.ok()) findings.Add(below, entry.value.line, Message(read));
  }
  const Node* const low = node.Find("min");
  const Node* const high = node.Find("max");
  if (low == nullptr || high == nullptr) {
    findings.Add(path, node.line, "min and max are needed, or a list of values");
    return std::nullopt;
  }
  if (findings.count() > before) return std::nullopt;
  range.whole =
      config::Read(*low, range.whole_low).ok() && config::Read(*high, range.whole_high).ok();
  constexpr double kWholeMax = 1e15;  // beyond it a double no longer knows every whole number
  if (range.low > range.high) {
    findings.Add(path, node.line, fmt::format("min {} is above max {}", low->text, high->text));
  } else if (range.log && range.low <= 0) {
    findings.Add(path, node.line, fmt::format("log needs min above 0, not {}", low->text));
  } else if (range.whole && (range.low < -kWholeMax || range.high > kWholeMax)) {
    findings.Add(path, node.line, "whole numbers are drawn up to 1e15");
  }
  if (findings.count() > before) return std::nullopt;
  return range;
}

std::vector<Axis> ReadGrid(const Node& grid, Findings& findings) {
  std::vector<Axis> axes;
  if (grid.kind != Node::Kind::kMap || grid.entries.empty()) {
    findings.Add("sweep.grid", grid.line, "paths and their values are expected");
    return axes;
  }
  for (const config::Entry& entry : grid.entries) {
    if (!CheckPath("sweep.grid", entry.line, entry.key, findings)) continue;
    if (auto list = ReadList("sweep.grid." + entry.key, entry.value, findings)) {
      axes.push_back({entry.key, *std::move(list)});
    }
  }
  return axes;
}

struct RandomBlock {
  int64_t samples = 0;
  uint64_t seed = 1;
  std::vector<Axis> axes;
};

void ReadRandomEntry(const config::Entry& entry, RandomBlock& block, Findings& findings) {
  const std::string path = "sweep.random." + entry.key;
  absl::Status read = absl::OkStatus();
  if (entry.key == "samples") {
    read = config::Read(entry.value, block.samples);
    if (read.ok() && block.samples < 1) read = InvalidArgument("{} is below 1", block.samples);
  } else if (entry.key == "seed") {
    read = config::Read(entry.value, block.seed);
  } else if (CheckPath("sweep.random", entry.line, entry.key, findings)) {
    if (entry.value.kind == Node::Kind::kMap) {
      if (auto range = ReadRange(path, entry.value, findings)) {
        block.axes.push_back({entry.key, *range});
      }
    } else if (auto list = ReadList(path, entry.value, findings)) {
      block.axes.push_back({entry.key, *std::move(list)});
    }
  }
  if (!read.ok()) findings.Add(path, entry.value.line, Message(read));
}

RandomBlock ReadRandom(const Node& random, Findings& findings) {
  RandomBlock block;
  if (random.kind != Node::Kind::kMap) {
    findings.Add("sweep.random", random.line, "samples, seed, and paths with ranges are expected");
    return block;
  }
  for (const config::Entry& entry : random.entries) ReadRandomEntry(entry, block, findings);
  if (random.Find("samples") == nullptr) {
    findings.Add("sweep.random", random.line, "samples is missing: how many jobs to draw");
  }
  if (block.axes.empty() && findings.empty()) {
    findings.Add("sweep.random", random.line, "no field varies; name one, such as spec.train.seed");
  }
  return block;
}

// Uniform in [0, 1).
double Unit(Random& random) { return static_cast<double>(random.Next() >> 11) * 0x1p-53; }

std::string Draw(const Range& range, Random& random) {
  if (range.whole && !range.log) {
    return fmt::format("{}",
                       range.whole_low + random.Below(range.whole_high - range.whole_low + 1));
  }
  const double part = Unit(random);
  const double value =
      range.log
          ? std::exp(std::log(range.low) + part * (std::log(range.high) - std::log(range.low)))
          : range.low + part * (range.high - range.low);
  if (range.whole) {
    return fmt::format("{}",
                       std::clamp(std::llround(value), static_cast<long long>(range.whole_low),
                                  static_cast<long long>(range.whole_high)));
  }
  return fmt::format("{:.6g}", std::clamp(value, range.low, range.high));
}

std::vector<Variation> Draws(const RandomBlock& block) {
  std::vector<Variation> variations(static_cast<size_t>(block.samples));
  for (size_t sample = 0; sample < variations.size(); ++sample) {
    for (const Axis& axis : block.axes) {
      Random random{block.seed, sample, Fnv1a64(axis.path)};
      std::string value;
      if (const auto* const range = std::get_if<Range>(&axis.values)) {
        value = Draw(*range, random);
      } else {
        const auto& list = std::get<std::vector<std::string>>(axis.values);
        value = list[static_cast<size_t>(random.Below(static_cast<int64_t>(list.size())))];
      }
      variations[sample].values.emplace_back(axis.path, value);
    }
  }
  return variations;
}

std::vector<Variation> Combinations(const std::vector<Axis>& axes) {
  std::vector<Variation> variations(1);
  for (const Axis& axis : axes) {
    std::vector<Variation> more;
    for (const Variation& variation : variations) {
      for (const std::string& value : std::get<std::vector<std::string>>(axis.values)) {
        more.push_back(variation);
        more.back().values.emplace_back(axis.path, value);
      }
    }
    variations = std::move(more);
  }
  return variations;
}

absl::Status TooMany(double jobs) {
  return InvalidArgument("sweep: {:.0f} jobs; at most {} are allowed, so vary fewer fields", jobs,
                         kSweepJobsMax);
}

double CombinationsOf(const std::vector<Axis>& axes) {
  double count = 1;
  for (const Axis& axis : axes) {
    count *= static_cast<double>(std::get<std::vector<std::string>>(axis.values).size());
  }
  return count;
}

void Number(std::vector<Variation>& variations) {
  const size_t digits = std::max<size_t>(fmt::format("{}", variations.size()).size(), 2);
  for (size_t i = 0; i < variations.size(); ++i) {
    variations[i].suffix = fmt::format("-{:0{}}", i + 1, digits);
  }
}

}  // namespace

std::vector<std::pair<std::string, std::string>> Variation::Labels() const {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& [path, value] : values) {
    const absl::StatusOr<Node> node = config::ParseYamlValue(value);
    labels.emplace_back(path.substr(std::string("spec.").size()), node.ok() ? Shown(*node) : value);
  }
  return labels;
}

absl::StatusOr<std::vector<Variation>> ExpandSweep(const Node& sweep) {
  Findings findings;
  const Node* const grid = sweep.Find("grid");
  const Node* const random = sweep.Find("random");
  for (const config::Entry& entry : sweep.entries) {
    if (entry.key == "grid" || entry.key == "random") continue;
    findings.Add("sweep." + entry.key, entry.line, "unknown key; known: grid, random");
  }
  if ((grid == nullptr) == (random == nullptr)) {
    findings.Add("sweep", sweep.line, "either grid or random is expected");
    return findings.ToStatus();
  }
  std::vector<Variation> variations;
  if (grid != nullptr) {
    const std::vector<Axis> axes = ReadGrid(*grid, findings);
    LRTI_RETURN_IF_ERROR(findings.ToStatus());
    const double jobs = CombinationsOf(axes);
    if (jobs > static_cast<double>(kSweepJobsMax)) return TooMany(jobs);
    variations = Combinations(axes);
  } else {
    const RandomBlock block = ReadRandom(*random, findings);
    LRTI_RETURN_IF_ERROR(findings.ToStatus());
    if (block.samples > static_cast<int64_t>(kSweepJobsMax)) {
      return TooMany(static_cast<double>(block.samples));
    }
    variations = Draws(block);
  }
  Number(variations);
  return variations;
}

}  // namespace lrti::ctl
