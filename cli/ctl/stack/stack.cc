#include "cli/ctl/stack/stack.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/ctl/stack/process.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "nlohmann/json.hpp"

namespace lrti::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kFileBytesMax = 64 << 10;
constexpr std::array kAddresses = {
    std::pair{"coordinator", &Stack::coordinator},
    std::pair{"coordinator_http", &Stack::coordinator_http},
    std::pair{"cache", &Stack::cache},
    std::pair{"cache_control", &Stack::cache_control},
    std::pair{"cache_http", &Stack::cache_http},
    std::pair{"cache_socket", &Stack::cache_socket},
    std::pair{"worker_http", &Stack::worker_http},
};

StackProgram ProgramOf(const Json& json) {
  return {json.at("name").get<std::string>(), json.at("pid").get<int64_t>(),
          json.at("started").get<uint64_t>(), json.at("log").get<std::string>()};
}

}  // namespace

std::string Stack::CacheEndpoint() const {
  return "tcp://" + cache + (cache_socket.empty() ? "" : "+unix:" + cache_socket);
}

bool IsRunning(const StackProgram& program) {
  // No start time: it had ended before it could be asked for.
  return program.pid > 0 && program.started > 0 && StartTimeOf(program.pid) == program.started;
}

bool IsRunning(const Stack& stack) {
  return std::any_of(stack.programs.begin(), stack.programs.end(),
                     [](const StackProgram& program) { return IsRunning(program); });
}

std::string StackFile(const std::string& state) { return JoinPath(state, "stack.json"); }

absl::StatusOr<Stack> ReadStack(const std::string& state) {
  LRTI_ASSIGN_OR_RETURN(const std::string text, ReadFile(StackFile(state), kFileBytesMax));
  Stack stack;
  try {
    const Json json = Json::parse(text);
    for (const auto& [name, address] : kAddresses) stack.*address = json.at(name);
    for (const Json& program : json.at("programs")) stack.programs.push_back(ProgramOf(program));
  } catch (const Json::exception& error) {
    return DataLoss("{}: {}; delete it when nothing of LRTI runs here", StackFile(state),
                    error.what());
  }
  return stack;
}

absl::Status WriteStack(const std::string& state, const Stack& stack) {
  Json json = Json::object();
  for (const auto& [name, address] : kAddresses) json[name] = stack.*address;
  json["programs"] = Json::array();
  for (const StackProgram& program : stack.programs) {
    json["programs"].push_back({{"name", program.name},
                                {"pid", program.pid},
                                {"started", program.started},
                                {"log", program.log}});
  }
  return WriteFileAtomic(StackFile(state), json.dump(2) + "\n");
}

}  // namespace lrti::ctl
