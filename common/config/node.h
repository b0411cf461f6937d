#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lrti::config {

struct Entry;

/// A configuration as a plain tree, before anyone asks what it means: read from YAML text, changed
/// by overrides, or made from a struct.
struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };

  /// `line` of a node that an override has put in.
  static constexpr int kOverrideLine = -1;

  Kind kind = Kind::kNull;
  int line = 0;         // in the text, from 1; 0: from no text
  bool quoted = false;  // a scalar that is text for certain, whatever it looks like
  std::string text;
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the text; a repeated key is kept for the report

  static Node Plain(std::string text);
  static Node Quoted(std::string text);
  static Node List();
  static Node Map();

  /// The first value under `key`, or null; also null where this is no mapping.
  const Node* Find(const std::string& key) const;
  Node* Find(const std::string& key);

  /// Appends to a mapping.
  void Add(std::string key, Node value);
};

struct Entry {
  std::string key;
  int line = 0;
  Node value;
};

/// The node at a path such as `spec.data.eval.0.name`, or null.
const Node* At(const Node& root, const std::string& path);

/// `key` below `path`: `spec` and `train` make `spec.train`.
std::string Below(const std::string& path, const std::string& key);

}  // namespace lrti::config
