#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/config/type.h"
#include "common/config/type_of.h"

namespace lrti::config {

/// JSON Schema, draft 2020-12, for editors and other programs.
nlohmann::ordered_json JsonSchema(const Type& type);

template <typename T>
nlohmann::ordered_json JsonSchema() {
  return JsonSchema(TypeOf<T>());
}

/// Markdown: a table of keys for every struct and every alternative.
std::string Reference(const std::string& title, const Type& type);

template <typename T>
std::string Reference(const std::string& title) {
  return Reference(title, TypeOf<T>());
}

}  // namespace lrti::config
