#pragma once

#include <string>

namespace lrti::lifecycle {

/// docs/reasons.md: every pending reason and end reason, what it means and what to do.
std::string ReasonsPage();

}  // namespace lrti::lifecycle
