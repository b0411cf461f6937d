#include "train/formats/pickle_value.h"

#include <ranges>

namespace lrti::formats {

const PickleValue* PickleDocument::Find(const Dict& dict, std::string_view key) const {
  for (const auto& [name, value] : std::views::reverse(dict.items)) {
    const auto* text = std::get_if<std::string>(&values[name]);
    if (text != nullptr && *text == key) return &values[value];
  }
  return nullptr;
}

}  // namespace lrti::formats
