#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/coordinator/state/book.h"

namespace lrti::coordinator {

/// The book as JSON, one line. Of a job's Submission only the id stands in it: it never changes,
/// and the journal has it already.
std::string ToJson(const Book& book);

/// The book of ToJson; `submission` gives the one of a job. Errors: DataLoss; those of
/// `submission`.
absl::StatusOr<Book> BookFromJson(
    const std::string& json,
    const std::function<absl::StatusOr<std::shared_ptr<const Submission>>(const std::string& job)>&
        submission);

}  // namespace lrti::coordinator
