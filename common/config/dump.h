#pragma once

#include <string>

#include "common/config/to_node.h"
#include "common/config/yaml.h"

namespace lrti::config {

/// The one canonical text of a value: every field, in the order of its declaration. Load gives the
/// same value back; equal values have equal texts. REQUIRES: texts in `value` are UTF-8.
template <typename T>
std::string Dump(const T& value) {
  return EmitYaml(ToNode(value));
}

}  // namespace lrti::config
