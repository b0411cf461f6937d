#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "common/config/check.h"
#include "common/config/findings.h"
#include "common/config/from_node.h"
#include "common/config/type_of.h"
#include "common/config/yaml.h"

namespace lrti::config {

/// Reads a T from a tree. What is wrong goes to `findings`, and those parts keep their defaults.
template <typename T>
T Load(const Node& root, Findings& findings) {
  Check(root, TypeOf<T>(), findings);
  T value{};
  Assign(root, value);
  return value;
}

/// Reads a T from YAML text.
/// Errors: InvalidArgument with every violation at once, one a line,
/// `spec.train.iterations (line 12): 0 is below 1`.
template <typename T>
absl::StatusOr<T> Load(const std::string& yaml) {
  LRTI_ASSIGN_OR_RETURN(const Node root, ParseYaml(yaml));
  Findings findings;
  T value = Load<T>(root, findings);
  LRTI_RETURN_IF_ERROR(findings.ToStatus());
  return value;
}

}  // namespace lrti::config
