#include "services/coordinator/access/audit.h"

#include <utility>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace lrti::coordinator {

Audit::Audit(AppendFile file) : mutex_(std::make_unique<Mutex>()), file_(std::move(file)) {}

absl::StatusOr<Audit> Audit::Open(const std::string& path) {
  auto file = AppendFile::Open(path);
  if (!file.ok()) return file.status();
  return Audit(*std::move(file));
}

absl::Status Audit::Write(const Entry& entry, absl::Time now) {
  nlohmann::ordered_json line = {
      {"ts", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone())},
      {"user", entry.user},
      {"verb", entry.verb},
      {"object", entry.object}};
  if (!entry.detail.empty()) line["detail"] = entry.detail;
  line["outcome"] = absl::StatusCodeToString(entry.outcome.code());
  const std::string text =
      line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  MutexLock lock(*mutex_);
  return file_.Append(text);
}

}  // namespace lrti::coordinator
