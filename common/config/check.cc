#include "common/config/check.h"

#include <algorithm>
#include <map>

#include "common/base/status.h"
#include "common/config/text.h"

namespace lrti::config {
namespace {

class Checker {
 public:
  explicit Checker(Findings& findings) : findings_(findings) {}

  void Value(const Node& node, const Type& type, const std::string& path) {
    switch (type.kind) {
      case Type::Kind::kBool:
        return Read<bool>(node, path);
      case Type::Kind::kInt:
        return Number<int64_t>(node, type, path);
      case Type::Kind::kUint:
        return Number<uint64_t>(node, type, path);
      case Type::Kind::kDouble:
        return Number<double>(node, type, path);
      case Type::Kind::kDuration:
        return Number<absl::Duration>(node, type, path);
      case Type::Kind::kText:
        return Text(node, type, path);
      case Type::Kind::kEnum:
        return Name(node, type.names, path);
      case Type::Kind::kList:
        return List(node, type, path);
      case Type::Kind::kTextMap:
        return TextMap(node, path);
      case Type::Kind::kStruct:
        return Struct(node, type, path);
      case Type::Kind::kChoice:
        return Choice(node, type, path);
    }
  }

 private:
  void Report(const Node& node, const std::string& path, const absl::Status& status) {
    if (!status.ok()) findings_.Add(path, node.line, Message(status));
  }

  template <typename T>
  void Read(const Node& node, const std::string& path) {
    T value{};
    Report(node, path, config::Read(node, value));
  }

  template <typename T>
  void Number(const Node& node, const Type& type, const std::string& path) {
    T value{};
    if (absl::Status status = config::Read(node, value); !status.ok()) {
      return Report(node, path, status);
    }
    if (type.low && value < std::get<T>(*type.low)) {
      findings_.Add(path, node.line,
                    fmt::format("{} is below {}", Shown(node.text), Written(*type.low)));
    }
    if (type.high && value > std::get<T>(*type.high)) {
      findings_.Add(path, node.line,
                    fmt::format("{} is above {}", Shown(node.text), Written(*type.high)));
    }
  }

  void Text(const Node& node, const Type& type, const std::string& path) {
    std::string text;
    if (absl::Status status = config::Read(node, text); !status.ok()) {
      return Report(node, path, status);
    }
    if (type.exactly && text != *type.exactly) {
      findings_.Add(
          path, node.line,
          fmt::format("'{}' is not '{}', the only one known", Shown(text), *type.exactly));
    }
    if (type.not_empty && text.empty()) findings_.Add(path, node.line, "must not be empty");
  }

  void Name(const Node& node, const std::vector<std::string>& names, const std::string& path) {
    std::string name;
    if (absl::Status status = config::Read(node, name); !status.ok()) {
      return Report(node, path, status);
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    findings_.Add(path, node.line,
                  fmt::format("'{}' is unknown; {}", Shown(name), Suggest(name, names)));
  }

  void List(const Node& node, const Type& type, const std::string& path) {
    if (node.kind != Node::Kind::kList) return Report(node, path, Unexpected(node, "a list"));
    const auto entries = static_cast<int64_t>(node.items.size());
    if (type.length && entries != *type.length) {
      findings_.Add(path, node.line,
                    fmt::format("has {} entries; {} are needed", entries, *type.length));
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      Value(node.items[i], type.entry.front(), Below(path, fmt::to_string(i)));
    }
  }

  void TextMap(const Node& node, const std::string& path) {
    if (!IsMap(node, path)) return;
    Repeated(node, path);
    for (const Entry& entry : node.entries) {
      Read<std::string>(entry.value, Below(path, Shown(entry.key)));
    }
  }

  void Struct(const Node& node, const Type& type, const std::string& path) {
    if (!IsMap(node, path)) return;
    Repeated(node, path);
    Unknown(node, type, path);
    for (const FieldType& field : type.fields) Field(node, field, Below(path, field.key));
  }

  void Field(const Node& map, const FieldType& field, const std::string& path) {
    const Node* node = map.Find(field.key);
    if (node != nullptr) return Value(*node, field.type, path);
    if (field.required) return findings_.Add(path, 0, "missing; " + field.help);
    // A part left out is its defaults, but may have keys that must be given.
    if (HasKeys(field.type)) Value(Node::Map(), field.type, path);
  }

  void Choice(const Node& node, const Type& type, const std::string& path) {
    if (!IsMap(node, path)) return;
    const Node* chosen = node.Find("type");
    if (chosen == nullptr) return Struct(node, type.alternatives[type.standard], path);
    const size_t findings_before = findings_.count();
    Name(*chosen, AlternativeNames(type), Below(path, "type"));
    if (findings_.count() > findings_before) return;
    const auto& alternatives = type.alternatives;
    Struct(node,
           *std::find_if(alternatives.begin(), alternatives.end(),
                         [&](const Type& a) { return a.name == chosen->text; }),
           path);
  }

  bool IsMap(const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::kMap) return true;
    Report(node, path, Unexpected(node, "a mapping of keys to values"));
    return false;
  }

  void Repeated(const Node& map, const std::string& path) {
    std::map<std::string, int> first_lines;
    for (const Entry& entry : map.entries) {
      const auto [first, is_new] = first_lines.emplace(entry.key, entry.line);
      if (is_new) continue;
      findings_.Add(Below(path, Shown(entry.key)), entry.line,
                    fmt::format("written twice, first in line {}", first->second));
    }
  }

  void Unknown(const Node& map, const Type& type, const std::string& path) {
    const std::vector<std::string> known = Keys(type);
    const std::string of_type = type.name.empty() ? "" : " for type " + type.name;
    for (const Entry& entry : map.entries) {
      if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
      findings_.Add(Below(path, Shown(entry.key)), entry.line,
                    fmt::format("unknown key{}; {}", of_type, Suggest(entry.key, known)));
    }
  }

  Findings& findings_;
};

}  // namespace

void Check(const Node& root, const Type& type, Findings& findings) {
  Checker(findings).Value(root, type, "");
}

}  // namespace lrti::config
