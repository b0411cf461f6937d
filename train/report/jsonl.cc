#include "train/report/jsonl.h"

#include <string_view>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::report {
namespace {

using Json = nlohmann::ordered_json;

bool HasStep(const Json& line) {
  return line.is_object() && line.contains("step") && line["step"].is_number_integer();
}

// The lines of `text` with step <= `step_kept`, without a torn end.
absl::StatusOr<std::string> Kept(const std::string& path, std::string_view text,
                                 int64_t step_kept) {
  std::string kept;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end + 1);
    text.remove_prefix(line.size());
    const Json parsed = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!HasStep(parsed)) {
      return DataLoss(
          "{}: line {} is not a JSON object with a step; repair it, or move the file away", path,
          number);
    }
    if (parsed["step"].get<int64_t>() <= step_kept) kept += line;
  }
  return kept;
}

}  // namespace

absl::StatusOr<JsonlWriter> JsonlWriter::Open(const std::string& path, int64_t step_kept) {
  absl::StatusOr<std::string> text = ReadFile(path, kBytesMax);
  if (text.ok()) {
    LRTI_ASSIGN_OR_RETURN(const std::string kept, Kept(path, *text, step_kept));
    if (kept.size() != text->size()) LRTI_RETURN_IF_ERROR(WriteFileAtomic(path, kept));
  } else if (text.status().code() != absl::StatusCode::kNotFound) {
    return text.status();
  }
  LRTI_ASSIGN_OR_RETURN(AppendFile file, AppendFile::Open(path));
  return JsonlWriter(std::move(file));
}

absl::Status JsonlWriter::Write(const Json& line) {
  LRTI_CHECK(HasStep(line));
  return file_.Append(line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
}

}  // namespace lrti::report
