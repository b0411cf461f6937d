#pragma once

#include <string>

#include "common/config/findings.h"
#include "common/config/node.h"
#include "common/config/type.h"

namespace lrti::config {

/// Holds a tree against its type: unknown, repeated and missing keys, kinds of value, bounds. Adds
/// every violation to `findings`.
void Check(const Node& root, const Type& type, Findings& findings);

}  // namespace lrti::config
