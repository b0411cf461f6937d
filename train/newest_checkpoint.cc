#include "train/newest_checkpoint.h"

#include <utility>

#include "common/base/status.h"

namespace lrti::train {
namespace {

absl::StatusOr<std::optional<checkpoint::Found>> Choose(const std::string& folder,
                                                        const checkpoint::OnBad& on_bad) {
  LRTI_ASSIGN_OR_RETURN(const auto all, checkpoint::ListCheckpoints(folder));
  if (all.empty()) return std::nullopt;
  auto found = checkpoint::FindNewest(folder, on_bad);
  if (absl::IsNotFound(found.status())) {
    return Error(absl::StatusCode::kFailedPrecondition, "{}; move the folder away to begin anew",
                 Message(found.status()));
  }
  return found;
}

absl::StatusOr<std::optional<checkpoint::Found>> ReadStep(const std::string& folder, int64_t step,
                                                          int64_t rank) {
  LRTI_ASSIGN_OR_RETURN(const auto all, checkpoint::ListCheckpoints(folder));
  for (const checkpoint::Entry& entry : all) {
    if (entry.step != step) continue;
    LRTI_ASSIGN_OR_RETURN(auto snapshot, checkpoint::ReadCheckpoint(entry.path));
    return checkpoint::Found{entry.path, std::move(snapshot)};
  }
  return Error(absl::StatusCode::kFailedPrecondition,
               "{}: rank 0 goes on from step {}, which rank {} does not see there; give all ranks "
               "the same run directory",
               folder, step, rank);
}

}  // namespace

absl::StatusOr<std::optional<checkpoint::Found>> NewestCheckpoint(const std::string& folder,
                                                                  const checkpoint::OnBad& on_bad,
                                                                  Collective& group) {
  std::optional<checkpoint::Found> chosen;
  if (group.first()) {
    LRTI_ASSIGN_OR_RETURN(chosen, Choose(folder, on_bad));
  }
  const int64_t one_more = chosen ? chosen->snapshot.step + 1 : 0;  // 0: there is none
  LRTI_ASSIGN_OR_RETURN(const uint64_t told, group.OfFirst(static_cast<uint64_t>(one_more)));
  if (group.first() || told == 0) return chosen;
  return ReadStep(folder, static_cast<int64_t>(told) - 1, group.rank());
}

}  // namespace lrti::train
