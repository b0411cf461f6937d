#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/config/covered.h"

/// The kinds of member that a config struct may have, as concepts.
namespace lrti::config {

template <typename T>
concept NamedEnum = std::is_enum_v<T> && requires { EnumNames(T{}); };

template <typename T>
concept WholeNumber = std::same_as<T, int64_t> || std::same_as<T, uint64_t>;

/// What AtLeast and Between can bound.
template <typename T>
concept Bounded = WholeNumber<T> || std::same_as<T, double> || std::same_as<T, absl::Duration>;

template <typename T>
concept Scalar = Bounded<T> || std::same_as<T, bool> || std::same_as<T, std::string>;

template <typename T>
concept TextMap = std::same_as<T, std::map<std::string, std::string>>;

template <typename T>
inline constexpr bool kIsList = false;
template <typename T>
inline constexpr bool kIsList<std::vector<T>> = true;
template <typename T>
concept List = kIsList<T>;

template <typename T>
inline constexpr bool kIsChoice = false;
template <typename... T>
inline constexpr bool kIsChoice<std::variant<T...>> = (Alternative<T> && ...);
template <typename T>
concept Choice = kIsChoice<T>;

/// A list's entry type; any other type itself.
template <typename T>
struct EntryOf {
  using Type = T;
};
template <typename T>
struct EntryOf<std::vector<T>> {
  using Type = T;
};

}  // namespace lrti::config
