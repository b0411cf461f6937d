#pragma once

#include <optional>
#include <string_view>

namespace lrti::lifecycle {

/// A value of a closed list and its word on the wire, in the journal and on screens.
template <typename T>
struct Named {
  T value;
  std::string_view name;
};
template <typename T>
Named(T, const char*) -> Named<T>;

/// The word of a value; every value is in its list.
template <typename List, typename T>
constexpr std::string_view NameIn(const List& list, T value) {
  for (const auto& entry : list) {
    if (entry.value == value) return entry.name;
  }
  return "?";
}

/// The value of a word, if the list has it.
template <typename List>
constexpr auto ValueIn(const List& list, std::string_view name)
    -> std::optional<decltype(list.front().value)> {
  for (const auto& entry : list) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

}  // namespace lrti::lifecycle
