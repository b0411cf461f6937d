#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/config/describe.h"
#include "common/config/yaml.h"
#include "fmt/format.h"

namespace lrti::config {
namespace {

std::string Code(const std::string& text) { return "`" + text + "`"; }

std::string Cell(const std::string& text) {
  return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}});
}

std::string AllCode(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ", ",
                       [](std::string* out, const std::string& name) { *out += Code(name); });
}

std::string TypeText(const Type& type) {
  switch (type.kind) {
    case Type::Kind::kBool:
      return "true or false";
    case Type::Kind::kInt:
    case Type::Kind::kUint:
      return "whole number";
    case Type::Kind::kDouble:
      return "number";
    case Type::Kind::kDuration:
      return "duration";
    case Type::Kind::kText:
      return type.exactly ? Code(*type.exactly) : "text";
    case Type::Kind::kEnum:
      return AllCode(type.names);
    case Type::Kind::kList:
      return "list: " + TypeText(type.entry.front());
    case Type::Kind::kTextMap:
      return "mapping of text to text";
    case Type::Kind::kStruct:
      return "mapping";
    case Type::Kind::kChoice:
      return "mapping, `type` " + AllCode(AlternativeNames(type));
  }
  return "";
}

std::string DefaultText(const FieldType& field) {
  if (field.required) return "required";
  const Type& type = field.type;
  if (type.kind == Type::Kind::kStruct) return "";
  if (type.kind == Type::Kind::kChoice)
    return Code("type: " + type.alternatives[type.standard].name);
  std::string yaml = EmitYaml(field.standard);
  yaml.pop_back();  // the line end
  return Code(yaml);
}

std::string Bounds(const Type& type) {
  if (type.low && type.high) return Written(*type.low) + " to " + Written(*type.high);
  return type.low ? "at least " + Written(*type.low) : "";
}

std::string BoundsText(const FieldType& field) {
  const bool is_list = field.type.kind == Type::Kind::kList;
  std::vector<std::string> parts;
  if (field.type.length) parts.push_back(fmt::format("{} entries", *field.type.length));
  const std::string bounds = Bounds(is_list ? field.type.entry.front() : field.type);
  if (!bounds.empty()) parts.push_back(bounds);
  if (!field.unit.empty()) parts.push_back(field.unit);
  return absl::StrJoin(parts, ", ");
}

std::string Row(const FieldType& field) {
  return fmt::format("| {} | {} | {} | {} | {} |\n", Code(field.key), Cell(TypeText(field.type)),
                     Cell(DefaultText(field)), Cell(BoundsText(field)), Cell(field.help));
}

std::string Table(const Type& type) {
  std::string table = "| key | type | default | bounds, unit | meaning |\n|---|---|---|---|---|\n";
  for (const FieldType& field : type.fields) table += Row(field);
  return table;
}

void Sections(const Type& type, const std::string& path, std::string& out);

/// The sections of what a struct's keys hold.
void SectionsBelow(const Type& type, const std::string& path, std::string& out) {
  for (const FieldType& field : type.fields) {
    const std::string below = Below(path, field.key);
    const bool is_list = field.type.kind == Type::Kind::kList;
    const Type& held = is_list ? field.type.entry.front() : field.type;
    if (!HasKeys(held)) continue;
    const std::string heading = is_list ? below + "[]" : below;
    if (held.kind == Type::Kind::kStruct) {
      out += fmt::format("\n## {}\n\n{}\n\n", Code(heading), field.help);
    } else {
      out += fmt::format("\n## {}\n\n{} The key `type` chooses: {}.\n", Code(heading), field.help,
                         AllCode(AlternativeNames(held)));
    }
    Sections(held, heading, out);
  }
}

void Sections(const Type& type, const std::string& path, std::string& out) {
  if (type.kind == Type::Kind::kStruct) {
    out += Table(type);
    return SectionsBelow(type, path, out);
  }
  for (const Type& alternative : type.alternatives) {
    out += fmt::format("\n### {} with `type: {}`\n\n{}", Code(path), alternative.name,
                       Table(alternative));
  }
  for (const Type& alternative : type.alternatives) SectionsBelow(alternative, path, out);
}

}  // namespace

std::string Reference(const std::string& title, const Type& type) {
  std::string out = fmt::format("# {}\n\n", title);
  Sections(type, "", out);
  return out;
}

}  // namespace lrti::config
