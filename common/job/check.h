#pragma once

#include "common/config/findings.h"
#include "common/config/node.h"
#include "common/job/job.h"

namespace lrti::job {

/// Adds to `findings` what several fields say together and cannot hold: a clip longer than its
/// sequence, two evaluation sets of one name, a run's name that is no folder name, and so on.
/// `root` is the tree that `job` was read from, for the line numbers. Rules over fields that
/// already have a finding are left out: they would speak of values that nobody has written.
void CheckTogether(const Job& job, const config::Node& root, config::Findings& findings);

}  // namespace lrti::job
