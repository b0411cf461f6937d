#include "common/config/override.h"

#include <charconv>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/config/text.h"
#include "common/config/yaml.h"

namespace lrti::config {
namespace {

struct Assignment {
  std::vector<std::string> path;
  Node value;
};

void MarkAsOverride(Node& node) {
  node.line = Node::kOverrideLine;
  for (Node& item : node.items) MarkAsOverride(item);
  for (Entry& entry : node.entries) {
    entry.line = Node::kOverrideLine;
    MarkAsOverride(entry.value);
  }
}

absl::StatusOr<Assignment> ParseAssignment(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return InvalidArgument("write path=value, such as spec.train.iterations=100");
  }
  Assignment assignment;
  assignment.path = absl::StrSplit(text.substr(0, equals), '.');
  if (assignment.path.size() > kDepthMax) {
    return InvalidArgument("the path has {} parts; {} are allowed", assignment.path.size(),
                           kDepthMax);
  }
  for (const std::string& part : assignment.path) {
    if (part.empty()) return InvalidArgument("the path has an empty part");
    if (part.size() > kKeyBytesMax) return InvalidArgument("the path has a part that is too long");
  }
  const std::string value = text.substr(equals + 1);
  assignment.value = Node::Quoted("");
  if (!value.empty()) {
    LRTI_ASSIGN_OR_RETURN(assignment.value, ParseYamlValue(value));
  }
  MarkAsOverride(assignment.value);
  return assignment;
}

absl::StatusOr<Node*> StepIntoList(Node& list, const std::string& part, const std::string& path) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  const size_t entries = list.items.size();
  if (error != std::errc() || end != part.data() + part.size()) {
    return InvalidArgument("{} is a list of {}; '{}' is no place in it, write a number such as 0",
                           path, entries, Shown(part));
  }
  if (index > entries) {
    return InvalidArgument("{} is a list of {}; {} is beyond its end", path, entries, index);
  }
  if (index == entries) list.items.emplace_back().line = Node::kOverrideLine;
  return &list.items[index];
}

absl::StatusOr<Node*> Step(Node& node, const std::string& part, const std::string& path) {
  if (node.kind == Node::Kind::kNull) {
    node = part == "0" ? Node::List() : Node::Map();
    node.line = Node::kOverrideLine;
  }
  if (node.kind == Node::Kind::kList) return StepIntoList(node, part, path);
  if (node.kind == Node::Kind::kScalar) {
    return InvalidArgument("{} is a single value; it has no '{}'", path, Shown(part));
  }
  if (Node* child = node.Find(part)) return child;
  Node absent;
  absent.line = Node::kOverrideLine;
  node.Add(part, std::move(absent));
  return &node.entries.back().value;
}

absl::Status Apply(Assignment assignment, Node& root) {
  Node* node = &root;
  std::string path;
  for (const std::string& part : assignment.path) {
    LRTI_ASSIGN_OR_RETURN(node, Step(*node, part, path.empty() ? "the document" : path));
    path = Below(path, Shown(part));
  }
  *node = std::move(assignment.value);
  return absl::OkStatus();
}

absl::Status ParseAndApply(const std::string& text, Node& root) {
  LRTI_ASSIGN_OR_RETURN(Assignment assignment, ParseAssignment(text));
  return Apply(std::move(assignment), root);
}

}  // namespace

absl::Status Override(const std::string& assignment, Node& root) {
  const absl::Status status = ParseAndApply(assignment, root);
  return status.ok() ? status : Prefixed(status, fmt::format("override '{}'", Shown(assignment)));
}

absl::StatusOr<std::string> ApplyOverrides(const std::string& yaml,
                                           const std::vector<std::string>& assignments) {
  LRTI_ASSIGN_OR_RETURN(Node root, ParseYaml(yaml));
  for (const std::string& assignment : assignments) {
    LRTI_RETURN_IF_ERROR(Override(assignment, root));
  }
  return EmitYaml(root);
}

}  // namespace lrti::config
