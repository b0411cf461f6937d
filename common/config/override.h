#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/node.h"

namespace lrti::config {

/// Applies one `path=value` to the tree, such as `spec.train.iterations=100`. A number in the path
/// is a place in a list (`spec.data.eval.0.path=x`); one past the end appends. The value is YAML
/// (`[0.9, 0.99]`, `{type: plain}`); nothing behind `=` is the empty text. A key that is not there
/// is added, so that loading answers for unknown ones. Keys with a dot cannot be reached.
/// Errors: InvalidArgument with the assignment at fault; `root` may then be half changed.
absl::Status Override(const std::string& assignment, Node& root);

/// The YAML text with the assignments applied in their order, in canonical form.
/// Errors: as ParseYaml and Override.
absl::StatusOr<std::string> ApplyOverrides(const std::string& yaml,
                                           const std::vector<std::string>& assignments);

}  // namespace lrti::config
