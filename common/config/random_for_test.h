#pragma once

#include <algorithm>
#include <random>
#include <string>

#include "common/config/node.h"
#include "common/config/type.h"

namespace lrti::config {

/// For tests: a tree that `type` allows, every field given, in the form in which Dump writes it.
class RandomTreeMaker {
 public:
  explicit RandomTreeMaker(std::mt19937_64& random) : random_(random) {}

  Node Make(const Type& type) {
    switch (type.kind) {
      case Type::Kind::kBool:
        return Node::Plain(Written(Below(2) == 0));
      case Type::Kind::kInt:
        return Node::Plain(Written(Whole<int64_t>(type, -1000, 100000)));
      case Type::Kind::kUint:
        return Node::Plain(Written(random_()));
      case Type::Kind::kDouble:
        return Node::Plain(Written(Real(type)));
      case Type::Kind::kDuration:
        return Node::Plain(
            Written(absl::Milliseconds(1000 + static_cast<int64_t>(Below(1 << 30)))));
      case Type::Kind::kText:
        return Node::Quoted(type.exactly ? *type.exactly : Text());
      case Type::Kind::kEnum:
        return Node::Plain(type.names[Below(Canonical(type))]);
      case Type::Kind::kList:
        return List(type);
      case Type::Kind::kTextMap:
        return TextMap();
      case Type::Kind::kStruct:
        return Struct(type);
      case Type::Kind::kChoice:
        return Struct(type.alternatives[Below(type.alternatives.size())]);
    }
    return Node();
  }

 private:
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  template <typename N>
  N Whole(const Type& type, N low, N high) {
    if (type.low) low = std::get<N>(*type.low);
    if (type.high) high = std::get<N>(*type.high);
    return std::uniform_int_distribution<N>(low, high)(random_);
  }

  double Real(const Type& type) {
    const double low = type.low ? std::get<double>(*type.low) : -1e9;
    const double high = type.high ? std::get<double>(*type.high) : 1e9;
    return std::uniform_real_distribution<double>(low, high)(random_);
  }

  std::string Text() {
    static const std::string kCharacters = "abz019 .:/-_#'\"\\,[]{}\n\t";
    std::string text;
    for (size_t i = Below(8) + 1; i > 0; --i) text += kCharacters[Below(kCharacters.size())];
    return text;
  }

  /// Aliases stand behind the canonical names in the enums of the tests' types.
  static size_t Canonical(const Type& type) {
    const auto alias = std::find_if(type.names.begin(), type.names.end(), [](const auto& name) {
      return name == "azure" || name == "reds";
    });
    return static_cast<size_t>(alias - type.names.begin());
  }

  Node List(const Type& type) {
    Node list = Node::List();
    const size_t entries = type.length ? static_cast<size_t>(*type.length) : Below(4);
    for (size_t i = 0; i < entries; ++i) list.items.push_back(Make(type.entry.front()));
    return list;
  }

  Node TextMap() {
    Node map = Node::Map();
    for (const char* key : {"a", "b", "c d", "true"}) {
      if (Below(2) == 0) map.Add(key, Node::Quoted(Text()));
    }
    return map;
  }

  Node Struct(const Type& type) {
    Node map = Node::Map();
    for (const FieldType& field : type.fields) map.Add(field.key, Make(field.type));
    return map;
  }

  std::mt19937_64& random_;
};

inline Node RandomTree(const Type& type, std::mt19937_64& random) {
  return RandomTreeMaker(random).Make(type);
}

}  // namespace lrti::config
