#include <utility>

#include "common/config/describe.h"

namespace lrti::config {
namespace {

using Json = nlohmann::ordered_json;

Json SchemaOf(const Type& type);

Json NumberOf(const Limit& limit) {
  if (const auto* duration = std::get_if<absl::Duration>(&limit)) return Written(*duration);
  if (const auto* whole = std::get_if<int64_t>(&limit)) return *whole;
  if (const auto* natural = std::get_if<uint64_t>(&limit)) return *natural;
  return std::get<double>(limit);
}

Json Number(const Type& type, const std::string& name) {
  Json schema = {{"type", name}};
  if (type.kind == Type::Kind::kUint) schema["minimum"] = 0;
  if (type.low) schema["minimum"] = NumberOf(*type.low);
  if (type.high) schema["maximum"] = NumberOf(*type.high);
  return schema;
}

/// JSON Schema has no bounds for durations: loading checks them.
Json Duration() {
  return {{"type", "string"},
          {"pattern", R"(^[-+]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|ms|s|m|h))+)$)"}};
}

Json Text(const Type& type) {
  if (type.exactly) return {{"const", *type.exactly}};
  Json schema = {{"type", "string"}};
  if (type.not_empty) schema["minLength"] = 1;
  return schema;
}

Json List(const Type& type) {
  Json schema = {{"type", "array"}, {"items", SchemaOf(type.entry.front())}};
  if (type.length) {
    schema["minItems"] = *type.length;
    schema["maxItems"] = *type.length;
  }
  return schema;
}

Json DefaultOf(const Node& node, const Type& type) {
  if (type.kind == Type::Kind::kList) {
    Json list = Json::array();
    for (const Node& item : node.items) list.push_back(DefaultOf(item, type.entry.front()));
    return list;
  }
  if (type.kind == Type::Kind::kTextMap) {
    Json map = Json::object();
    for (const Entry& entry : node.entries) map[entry.key] = entry.value.text;
    return map;
  }
  if (type.kind == Type::Kind::kStruct) {
    Json object = Json::object();
    for (const FieldType& field : type.fields) {
      if (const Node* value = node.Find(field.key)) {
        object[field.key] = DefaultOf(*value, field.type);
      }
    }
    return object;
  }
  const bool is_text = type.kind == Type::Kind::kText || type.kind == Type::Kind::kEnum ||
                       type.kind == Type::Kind::kDuration;
  return is_text ? Json(node.text) : Json::parse(node.text);
}

Json FieldOf(const FieldType& field) {
  Json schema = SchemaOf(field.type);
  schema["description"] =
      field.unit.empty() ? field.help : field.help + " Unit: " + field.unit + ".";
  if (!field.required && !HasKeys(field.type)) {
    schema["default"] = DefaultOf(field.standard, field.type);
  }
  return schema;
}

Json Struct(const Type& type) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const FieldType& field : type.fields) {
    properties[field.key] = FieldOf(field);
    if (field.required) required.push_back(field.key);
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  schema["additionalProperties"] = false;
  return schema;
}

/// Where `type` is not given, the standard alternative alone may match.
Json Choice(const Type& type) {
  Json alternatives = Json::array();
  for (size_t i = 0; i < type.alternatives.size(); ++i) {
    Json alternative = Struct(type.alternatives[i]);
    if (i != type.standard) alternative["required"].push_back("type");
    alternatives.push_back(std::move(alternative));
  }
  return {{"oneOf", std::move(alternatives)}};
}

Json SchemaOf(const Type& type) {
  switch (type.kind) {
    case Type::Kind::kBool:
      return {{"type", "boolean"}};
    case Type::Kind::kInt:
    case Type::Kind::kUint:
      return Number(type, "integer");
    case Type::Kind::kDouble:
      return Number(type, "number");
    case Type::Kind::kDuration:
      return Duration();
    case Type::Kind::kText:
      return Text(type);
    case Type::Kind::kEnum:
      return {{"enum", type.names}};
    case Type::Kind::kList:
      return List(type);
    case Type::Kind::kTextMap:
      return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
    case Type::Kind::kStruct:
      return Struct(type);
    case Type::Kind::kChoice:
      return Choice(type);
  }
  return {};
}

}  // namespace

nlohmann::ordered_json JsonSchema(const Type& type) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}};
  schema.update(SchemaOf(type));
  return schema;
}

}  // namespace lrti::config
