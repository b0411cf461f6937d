#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// The fields of an update as a JSON object on one line, without its kind. Texts that are not UTF-8
/// are mended.
std::string ToJson(const Update& update);

/// The update of this kind. Fields that are not known are ignored, missing ones have their
/// defaults. Errors: DataLoss for an unknown kind or what is no such object.
absl::StatusOr<Update> UpdateFromJson(std::string_view kind, const std::string& json);

}  // namespace lrti::coordinator
