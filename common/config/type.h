#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/node.h"
#include "common/config/scalar.h"

namespace lrti::config {

struct FieldType;

/// What a config value may be, as a plain value: TypeOf<T>() makes it from the declaration;
/// checking, JSON Schema and documentation read it.
struct Type {
  enum class Kind {
    kBool,
    kInt,
    kUint,
    kDouble,
    kDuration,
    kText,
    kEnum,
    kList,
    kTextMap,
    kStruct,
    kChoice,
  };

  Kind kind = Kind::kText;
  std::optional<Limit> low;            // of numbers and durations
  std::optional<Limit> high;           // of numbers and durations
  std::optional<int64_t> length;       // of a list
  std::optional<std::string> exactly;  // of a text
  bool not_empty = false;              // of a text
  std::vector<std::string> names;      // of an enum, aliases too
  std::vector<Type> entry;             // of a list: one, its entries' type
  std::string name;                    // of a struct that is an alternative: its `type`
  std::vector<FieldType> fields;       // of a struct, those of inlined structs among them
  std::vector<Type> alternatives;      // of a choice; each has `type` as its first field
  size_t standard = 0;                 // of a choice: the alternative where `type` is not given
};

/// A struct's field.
struct FieldType {
  std::string key;
  std::string help;
  std::string unit;
  bool required = false;
  Node standard;  // the default
  Type type;
};

/// The keys of a struct.
std::vector<std::string> Keys(const Type& type);

/// The `type` names of a choice.
std::vector<std::string> AlternativeNames(const Type& type);

/// Whether the type has keys of its own, in a section of its own.
inline bool HasKeys(const Type& type) {
  return type.kind == Type::Kind::kStruct || type.kind == Type::Kind::kChoice;
}

}  // namespace lrti::config
