#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "tests/bench/cache/child.h"
#include "tests/bench/cache/rows.h"

namespace lrti::bench {
namespace {

struct Flags {
  int rounds = 7;
  int slice_ms = 250;
  uint64_t pool_mib = 384;
  // 64 x 64 x 120 as a trainer keeps it (bf16), and that and 180 x 320 x 120 in fp32.
  std::vector<uint64_t> state_bytes = {983'040, 1'966'080, 27'648'000};
  std::string only;
  std::string json;
};

// What a row gave: of each round its speed, of all rounds every time that it took.
struct Result {
  std::vector<double> speeds;  // bytes a second, or operations
  std::vector<double> times_us;
};

double Quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<size_t>(q * last + 0.5)];
}

absl::Status Measure(const Row& row, absl::Duration slice, const Clock& clock, Result& result) {
  constexpr int kLeast = 3;
  if (row.own_speed) {
    LRTI_ASSIGN_OR_RETURN(const double speed, row.own_speed());
    result.speeds.push_back(speed);
    return absl::OkStatus();
  }
  LRTI_RETURN_IF_ERROR(row.operate());  // what the row before left in the caches goes
  const absl::Duration begin = clock.Steady();
  absl::Duration now = begin;
  int count = 0;
  for (; count < kLeast || now - begin < slice; ++count) {
    LRTI_RETURN_IF_ERROR(row.operate());
    const absl::Duration after = clock.Steady();
    result.times_us.push_back(absl::ToDoubleMicroseconds(after - now));
    now = after;
  }
  const double amount = row.bytes > 0 ? static_cast<double>(row.bytes) : 1;
  result.speeds.push_back(count * amount / absl::ToDoubleSeconds(now - begin));
  return absl::OkStatus();
}

using Results = std::map<size_t, Result>;  // of rows, by their places

// The median over the rounds of one row's speed by another's of the same round.
double Ratio(const Results& results, size_t row, size_t reference) {
  std::vector<double> ratios;
  const std::vector<double>& mine = results.at(row).speeds;
  for (size_t round = 0; round < mine.size(); ++round) {
    ratios.push_back(mine[round] / results.at(reference).speeds[round]);
  }
  return Quantile(ratios, 0.5);
}

// What a row is held against, among those of the same size.
bool IsReference(std::string_view name, std::string_view row) {
  if (name == "memcpy") return true;
  if (row == "redis tier") return name.ends_with(", by chunks");
  if (row.find("tcp put") != row.npos) return name == "raw tcp put";
  return name == "raw tcp get" || name == "redis tcp get";
}

std::map<std::string, double> RatiosOf(const std::vector<Row>& rows, const Results& results,
                                       size_t row) {
  std::map<std::string, double> ratios;
  if (rows[row].bytes == 0) return ratios;
  for (size_t other = 0; other < rows.size(); ++other) {
    const bool comparable = rows[other].state_bytes == rows[row].state_bytes && other != row;
    const std::string& name = rows[other].name;
    if (comparable && IsReference(name, rows[row].name)) ratios[name] = Ratio(results, row, other);
  }
  return ratios;
}

nlohmann::json Report(const std::vector<Row>& rows, const Results& results) {
  nlohmann::json report = nlohmann::json::array();
  for (size_t i = 0; i < rows.size(); ++i) {
    const Result& result = results.at(i);
    nlohmann::json line = {{"name", rows[i].name}, {"state_bytes", rows[i].state_bytes}};
    if (!result.times_us.empty()) {
      line["p50_us"] = Quantile(result.times_us, 0.5);
      line["p99_us"] = Quantile(result.times_us, 0.99);
      line["operations"] = result.times_us.size();
    }
    if (rows[i].bytes > 0) {
      line["gb_per_s"] = Quantile(result.speeds, 0.5) / 1e9;
      line["gb_per_s_least"] = Quantile(result.speeds, 0) / 1e9;
      line["gb_per_s_most"] = Quantile(result.speeds, 1) / 1e9;
      line["ratio_to"] = RatiosOf(rows, results, i);
    }
    report.push_back(line);
  }
  return report;
}

void PrintTable(const nlohmann::json& report) {
  fmt::print("{:<38}{:>10}{:>8}{:>14}{:>10}{:>10}  ratio to\n", "", "bytes", "GB/s", "(least-most)",
             "p50 us", "p99 us");
  for (const nlohmann::json& line : report) {
    std::string speed;
    std::string spread;
    std::string ratios;
    if (line.contains("gb_per_s")) {
      speed = fmt::format("{:.2f}", line["gb_per_s"].get<double>());
      spread = fmt::format("{:.2f}-{:.2f}", line["gb_per_s_least"].get<double>(),
                           line["gb_per_s_most"].get<double>());
      for (const auto& [name, ratio] : line["ratio_to"].items()) {
        ratios += fmt::format("  {} {:.2f}", name, ratio.get<double>());
      }
    }
    const auto time = [&](const char* name) {
      return line.contains(name) ? fmt::format("{:.1f}", line[name].get<double>()) : "";
    };
    fmt::print("{:<38}{:>10}{:>8}{:>14}{:>10}{:>10}{}\n", line["name"].get<std::string>(),
               line["state_bytes"].get<uint64_t>(), speed, spread, time("p50_us"), time("p99_us"),
               ratios);
  }
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

absl::Status Run(const Flags& flags) {
  Pin(Side::kClient);  // with the threads that it starts; the servers go elsewhere
  LRTI_ASSIGN_OR_RETURN(const auto setup, Setup::Start({.state_bytes = flags.state_bytes,
                                                        .pool_bytes = flags.pool_mib << 20}));
  const SystemClock clock;
  std::vector<Row> rows = setup->rows();
  std::erase_if(rows,
                [&](const Row& row) { return row.name.find(flags.only) == std::string::npos; });
  const absl::Duration slice = absl::Milliseconds(flags.slice_ms);
  Results results;
  const std::string load_before = FirstLine("/proc/loadavg");
  for (int round = -1; round < flags.rounds; ++round) {
    Results unwanted;  // of the round that touches all memory for the first time
    for (size_t i = 0; i < rows.size(); ++i) {
      Result& result = round < 0 ? unwanted[i] : results[i];
      const absl::Status status = Measure(rows[i], slice, clock, result);
      if (status.ok()) continue;
      return Prefixed(status, fmt::format("{} of {}", rows[i].name, rows[i].state_bytes));
    }
  }
  const nlohmann::json report = Report(rows, results);
  fmt::print("{} rounds of {} ms a row, {} MiB of states of each size; {}also measured\n",
             flags.rounds, flags.slice_ms, flags.pool_mib, setup->others());
  fmt::print("kernel {}; load before {}, after {}\n", FirstLine("/proc/sys/kernel/osrelease"),
             load_before, FirstLine("/proc/loadavg"));
  PrintTable(report);
  if (flags.json.empty()) return absl::OkStatus();
  std::ofstream file(flags.json);
  file << nlohmann::json{{"rounds", flags.rounds},
                         {"slice_ms", flags.slice_ms},
                         {"pool_mib", flags.pool_mib},
                         {"load_before", load_before},
                         {"rows", report}}
              .dump(2)
       << '\n';
  if (file.good()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "{}: cannot be written", flags.json);
}

}  // namespace
}  // namespace lrti::bench

int main(int argc, char** argv) {
  lrti::bench::Flags flags;
  CLI::App app("How fast states come out of a cache node, beside memcpy, raw sockets and others.");
  app.add_option("--rounds", flags.rounds, "How often each row has its turn.")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--slice-ms", flags.slice_ms, "How long a turn is.")
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  app.add_option("--pool-mib", flags.pool_mib,
                 "States of each size: at least ten times the last cache.")
      ->check(CLI::Range(64, 16'384))
      ->capture_default_str();
  app.add_option("--state-bytes", flags.state_bytes, "Sizes of states, multiples of 4.")
      ->check(CLI::Range(4, 30 << 20))
      ->capture_default_str();
  app.add_option("--only", flags.only, "Rows whose name has this in it.");
  app.add_option("--json", flags.json, "Where the figures go, too.");
  CLI11_PARSE(app, argc, argv);
  if (const absl::Status status = lrti::bench::Run(flags); !status.ok()) {
    fmt::print(stderr, "lrti-bench-cache: {}\n", lrti::Message(status));
    return 1;
  }
  return 0;
}
