#include "cli/ctl/settings/settings.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/config/load.h"
#include "common/config/to_node.h"
#include "common/config/yaml.h"

namespace lrti::ctl {
namespace {

using config::Node;

// One place that says something: its fields as a tree, and what to call it.
struct Source {
  std::string origin;
  Node tree;
};

template <typename Use>
void ForEachLeaf(const Node& node, const std::string& path, const Use& use) {
  if (node.kind != Node::Kind::kMap) return use(path, node);
  for (const config::Entry& entry : node.entries) {
    ForEachLeaf(entry.value, config::Below(path, entry.key), use);
  }
}

const Node& Defaults() {
  static const Node tree = config::ToNode(Settings{});
  return tree;
}

// Puts a leaf into the tree, with the maps above it.
void Put(Node& root, const std::string& path, Node value) {
  Node* node = &root;
  size_t begin = 0;
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', begin)) {
    const std::string key = path.substr(begin, dot - begin);
    if (node->Find(key) == nullptr) node->Add(key, Node::Map());
    node = node->Find(key);
    begin = dot + 1;
  }
  node->Add(path.substr(begin), std::move(value));
}

// Text of a field from outside YAML.
Node Leaf(const std::string& path, const std::string& text) {
  const Node* const standard = config::At(Defaults(), path);
  LRTI_CHECK(standard != nullptr);
  return standard->quoted ? Node::Quoted(text) : Node::Plain(text);
}

Source FromAssignments(std::string origin, const Assignments& assignments) {
  Source source{std::move(origin), Node::Map()};
  for (const auto& [path, text] : assignments) Put(source.tree, path, Leaf(path, text));
  return source;
}

void MakePathsAbsolute(const std::string& file, Node& tree) {
  Node* const security = tree.Find("security");
  if (security == nullptr) return;
  std::error_code error;
  const auto folder = std::filesystem::absolute(file, error).parent_path();
  for (config::Entry& entry : security->entries) {
    if (entry.value.kind != Node::Kind::kScalar || entry.value.text.empty() || error) continue;
    entry.value.text = (folder / entry.value.text).lexically_normal().string();
  }
}

// The file's tree; an empty one where there is no such file.
absl::StatusOr<Source> FromFile(const std::string& path) {
  Source source{path, Node::Map()};
  if (path.empty()) return source;
  const absl::StatusOr<std::string> text = ReadFile(path, config::kTextBytesMax);
  if (absl::IsNotFound(text.status())) return source;
  if (!text.ok()) return InvalidArgument("{}", Message(text.status()));
  absl::StatusOr<Node> tree = config::ParseYaml(*text);
  if (!tree.ok()) return InvalidArgument("{}:\n{}", path, Message(tree.status()));
  source.tree = *std::move(tree);
  MakePathsAbsolute(path, source.tree);
  return source;
}

std::vector<Source> FromEnvironment(const Variables& variable) {
  std::vector<Source> sources;
  for (const std::string& path : SettingPaths()) {
    const std::string text = variable(VariableOf(path));
    if (!text.empty()) sources.push_back(FromAssignments("$" + VariableOf(path), {{path, text}}));
  }
  return sources;
}

std::vector<Source> FromFlags(const Assignments& flags) {
  std::vector<Source> sources;
  for (const auto& assignment : flags) {
    sources.push_back(FromAssignments("flag", {assignment}));
  }
  return sources;
}

Source FromLogin(const Variables& variable) {
  const std::string path = TokenFile(variable);
  if (path.empty() || ::access(path.c_str(), F_OK) != 0) return {"", Node::Map()};
  return FromAssignments("lrti-ctl login", {{"security.token_file", path}});
}

// Lays what the source says over what is there.
absl::Status Lay(const Source& source, FoundSettings& found) {
  config::Findings findings;
  config::Check(source.tree, config::TypeOf<Settings>(), findings);
  if (const absl::Status status = findings.ToStatus(); !status.ok()) {
    return InvalidArgument("{}:\n{}", source.origin, Message(status));
  }
  config::Assign(source.tree, found.settings);
  ForEachLeaf(source.tree, "", [&](const std::string& path, const Node&) {
    if (!path.empty()) found.origins[path] = source.origin;
  });
  return absl::OkStatus();
}

}  // namespace

std::string UserFile(const Variables& variable) {
  const std::string folder = ConfigFolder(variable);
  return folder.empty() ? "" : folder + "/config.yaml";
}

std::string TokenFile(const Variables& variable) {
  const std::string folder = ConfigFolder(variable);
  return folder.empty() ? "" : folder + "/token";
}

std::string VariableOf(const std::string& path) {
  std::string name = "LRTI_" + absl::AsciiStrToUpper(path);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::vector<std::string> SettingPaths() {
  std::vector<std::string> paths;
  ForEachLeaf(Defaults(), "", [&](const std::string& path, const Node&) { paths.push_back(path); });
  return paths;
}

absl::StatusOr<FoundSettings> FindSettings(const SettingsPlaces& places) {
  FoundSettings found;
  for (const std::string& path : SettingPaths()) found.origins[path] = "default";
  std::vector<Source> sources;  // what decides comes last
  sources.push_back(FromAssignments(places.stack_origin, places.stack));
  LRTI_ASSIGN_OR_RETURN(sources.emplace_back(), FromFile(places.system_file));
  sources.push_back(FromLogin(places.variable));
  LRTI_ASSIGN_OR_RETURN(sources.emplace_back(), FromFile(UserFile(places.variable)));
  LRTI_ASSIGN_OR_RETURN(sources.emplace_back(), FromFile(places.project_file));
  for (Source& source : FromEnvironment(places.variable)) sources.push_back(std::move(source));
  for (Source& source : FromFlags(places.flags)) sources.push_back(std::move(source));
  for (const Source& source : sources) LRTI_RETURN_IF_ERROR(Lay(source, found));
  return found;
}

}  // namespace lrti::ctl
