#include "services/coordinator/state/report.h"

#include <set>
#include <utility>

#include "common/base/status.h"
#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kIdBytesMax = 128;

absl::Status CheckId(const std::string& what, const std::string& id) {
  if (!id.empty() && id.size() <= kIdBytesMax && CleanLine(id, kIdBytesMax) == id) {
    return absl::OkStatus();
  }
  return InvalidArgument("agent's report: {} '{}' is not a name of 1 to {} bytes on one line", what,
                         CleanLine(id, 64), kIdBytesMax);
}

absl::Status CheckCount(const std::string& what, size_t count, size_t most) {
  if (count <= most) return absl::OkStatus();
  return InvalidArgument("agent's report: {} {}, at most {} are taken", count, what, most);
}

}  // namespace

absl::Status CheckReport(const AgentReport& report) {
  LRTI_RETURN_IF_ERROR(CheckId("agent", report.agent));
  LRTI_RETURN_IF_ERROR(CheckCount("devices", report.devices.size(), kDevicesMax));
  LRTI_RETURN_IF_ERROR(CheckCount("attempts", report.attempts.size(), kAttemptsMax));
  std::set<std::string> devices;
  for (const DeviceReport& device : report.devices) {
    LRTI_RETURN_IF_ERROR(CheckId("device", device.uuid));
    if (!devices.insert(device.uuid).second) {
      return InvalidArgument("agent {} reports device {} twice", report.agent, device.uuid);
    }
  }
  std::set<std::pair<std::string, int64_t>> attempts;
  for (const AttemptReport& attempt : report.attempts) {
    LRTI_RETURN_IF_ERROR(CheckId("job", attempt.job));
    LRTI_RETURN_IF_ERROR(CheckCount("ranks", attempt.ranks.size(), kRanksReportedMax));
    if (!attempts.insert({attempt.job, attempt.attempt}).second) {
      return InvalidArgument("agent {} reports attempt {} of {} twice", report.agent,
                             attempt.attempt, attempt.job);
    }
  }
  return absl::OkStatus();
}

}  // namespace lrti::coordinator
