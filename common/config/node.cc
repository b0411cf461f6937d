#include "common/config/node.h"

#include <charconv>
#include <utility>

#include "absl/strings/str_split.h"
#include "common/base/check.h"

namespace lrti::config {
namespace {

const Node* Child(const Node& node, const std::string& key) {
  if (node.kind != Node::Kind::kList) return node.Find(key);
  size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool is_index = error == std::errc() && end == key.data() + key.size();
  return is_index && index < node.items.size() ? &node.items[index] : nullptr;
}

}  // namespace

Node Node::Plain(std::string text) {
  Node node;
  node.kind = Kind::kScalar;
  node.text = std::move(text);
  return node;
}

Node Node::Quoted(std::string text) {
  Node node = Plain(std::move(text));
  node.quoted = true;
  return node;
}

Node Node::List() {
  Node node;
  node.kind = Kind::kList;
  return node;
}

Node Node::Map() {
  Node node;
  node.kind = Kind::kMap;
  return node;
}

const Node* Node::Find(const std::string& key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

Node* Node::Find(const std::string& key) {
  return const_cast<Node*>(std::as_const(*this).Find(key));
}

void Node::Add(std::string key, Node value) {
  LRTI_CHECK(kind == Kind::kMap);
  const int key_line = value.line;
  entries.push_back(Entry{std::move(key), key_line, std::move(value)});
}

const Node* At(const Node& root, const std::string& path) {
  const Node* node = &root;
  for (const std::string& key : std::vector<std::string>(absl::StrSplit(path, '.'))) {
    node = Child(*node, key);
    if (node == nullptr) return nullptr;
  }
  return node;
}

std::string Below(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

}  // namespace lrti::config
