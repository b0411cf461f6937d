#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "common/config/node.h"

namespace lrti::config {

/// Bounds on a text from outside.
inline constexpr size_t kTextBytesMax = size_t{1} << 20;
inline constexpr size_t kNodesMax = 100000;
inline constexpr size_t kDepthMax = 32;
inline constexpr size_t kKeyBytesMax = 200;

/// Reads one YAML document; an empty text is an empty mapping. Anchors, aliases and tags are
/// refused: a few lines of aliases can stand for terabytes.
/// Errors: InvalidArgument with line and column, also for a text beyond the bounds.
absl::StatusOr<Node> ParseYaml(const std::string& text);

/// The same for a text that may be a single value; an empty one is a null.
absl::StatusOr<Node> ParseYamlValue(const std::string& text);

/// The one canonical text of a tree: block style, lists of scalars on one line, quotes where the
/// text would otherwise be read as something else.
std::string EmitYaml(const Node& root);

}  // namespace lrti::config
