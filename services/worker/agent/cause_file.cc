#include "services/worker/agent/cause_file.h"

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "nlohmann/json.hpp"

namespace lrti::worker {
namespace {

constexpr uint64_t kCauseBytesMax = 64 << 10;

}  // namespace

absl::Status WriteCause(const std::string& path, const Cause& cause) {
  const nlohmann::json json = {{"end_reason", cause.end_reason}, {"text", cause.text}};
  return WriteFileAtomic(
      path, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<Cause> ReadCause(const std::string& path) {
  const auto text = ReadFile(path, kCauseBytesMax);
  if (!text.ok()) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const auto field = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return Cause{.end_reason = field("end_reason"), .text = field("text")};
}

}  // namespace lrti::worker
