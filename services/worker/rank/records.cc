#include "services/worker/rank/records.h"

#include <functional>

#include "common/base/files.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace lrti::worker {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kRecordBytesMax = 16 << 20;

Json JsonOf(const ProcessId& process) { return {{"pid", process.pid}, {"start", process.start}}; }

ProcessId ProcessOf(const Json& json) {
  return {.pid = json.at("pid").get<int64_t>(), .start = json.at("start").get<uint64_t>()};
}

// Reads a file into a record; whatever is missing or of another type is damage.
template <typename Record>
absl::StatusOr<Record> Read(const std::string& path,
                            const std::function<void(const Json&, Record&)>& fill) {
  LRTI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kRecordBytesMax));
  Record record;
  try {
    fill(Json::parse(text), record);
  } catch (const Json::exception& error) {
    return DataLoss("{}: damaged: {}", path, error.what());
  }
  return record;
}

// Text of any bytes: what is not UTF-8 is replaced.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string ToJson(const LaunchRecord& record) {
  return Dump({{"command", record.command},
               {"environment", record.environment},
               {"alive_path", record.alive_path},
               {"orphan_grace_s", absl::ToDoubleSeconds(record.orphan_grace)},
               {"stop_grace_s", absl::ToDoubleSeconds(record.stop_grace)},
               {"store_socket", record.store_socket}});
}

std::string ToJson(const PidRecord& record) {
  return Dump({{"shim", JsonOf(record.shim)},
               {"trainer", JsonOf(record.trainer)},
               {"boot", record.boot},
               {"cgroup", record.cgroup}});
}

std::string ToJson(const ExitRecord& record) {
  return Dump({{"code", record.code},
               {"signal", record.signal},
               {"time_us", absl::ToUnixMicros(record.time)},
               {"host_oom_kills", record.host_oom_kills},
               {"orphaned", record.orphaned},
               {"trouble", record.trouble}});
}

absl::StatusOr<LaunchRecord> ReadLaunchRecord(const std::string& path) {
  return Read<LaunchRecord>(path, [](const Json& json, LaunchRecord& record) {
    json.at("command").get_to(record.command);
    json.at("environment").get_to(record.environment);
    json.at("alive_path").get_to(record.alive_path);
    record.orphan_grace = absl::Seconds(json.at("orphan_grace_s").get<double>());
    record.stop_grace = absl::Seconds(json.at("stop_grace_s").get<double>());
    json.at("store_socket").get_to(record.store_socket);
  });
}

absl::StatusOr<PidRecord> ReadPidRecord(const std::string& path) {
  return Read<PidRecord>(path, [](const Json& json, PidRecord& record) {
    record.shim = ProcessOf(json.at("shim"));
    record.trainer = ProcessOf(json.at("trainer"));
    json.at("boot").get_to(record.boot);
    json.at("cgroup").get_to(record.cgroup);
  });
}

absl::StatusOr<ExitRecord> ReadExitRecord(const std::string& path) {
  return Read<ExitRecord>(path, [](const Json& json, ExitRecord& record) {
    json.at("code").get_to(record.code);
    json.at("signal").get_to(record.signal);
    record.time = absl::FromUnixMicros(json.at("time_us").get<int64_t>());
    json.at("host_oom_kills").get_to(record.host_oom_kills);
    json.at("orphaned").get_to(record.orphaned);
    json.at("trouble").get_to(record.trouble);
  });
}

}  // namespace lrti::worker
