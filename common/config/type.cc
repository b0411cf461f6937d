#include "common/config/type.h"

namespace lrti::config {

std::vector<std::string> Keys(const Type& type) {
  std::vector<std::string> keys;
  for (const FieldType& field : type.fields) keys.push_back(field.key);
  return keys;
}

std::vector<std::string> AlternativeNames(const Type& type) {
  std::vector<std::string> names;
  for (const Type& alternative : type.alternatives) names.push_back(alternative.name);
  return names;
}

}  // namespace lrti::config
