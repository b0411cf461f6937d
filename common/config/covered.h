#pragma once

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lrti::config {

/// A struct that declares its fields.
template <typename T>
concept Struct = std::is_class_v<T> && requires { T::Fields(); };

/// One of the structs that a std::variant chooses from.
template <typename T>
concept Alternative = requires { T::kType; };

namespace internal {

/// Converts to the member of `T` that it initialises, whatever its type. Not to an alternative:
/// std::variant would then offer a second way, through its converting constructor.
template <typename T>
struct AnyMember {
  template <typename M>
    requires(!std::same_as<M, T> && !Alternative<M>)
  operator M() const;
};

template <typename T, size_t>
using AnyMemberAt = AnyMember<T>;

template <typename T, size_t... I>
constexpr bool HasMembers(std::index_sequence<I...>) {
  return requires { T{AnyMemberAt<T, I>{}...}; };
}

/// The last member is initialised by `{}`, which suits types that AnyMember does not.
template <typename T, size_t... I>
constexpr bool HasMembersAndOneMore(std::index_sequence<I...>) {
  return requires { T{AnyMemberAt<T, I>{}..., {}}; };
}

template <typename T>
constexpr bool FieldsMatchMembers() {
  using Declared = std::make_index_sequence<std::tuple_size_v<decltype(T::Fields())>>;
  return HasMembers<T>(Declared()) && !HasMembersAndOneMore<T>(Declared());
}

}  // namespace internal

/// Whether `Fields()` names as many members as the struct has: `static_assert(Covered<T>)` behind a
/// struct refuses to compile when a member is forgotten. (That no member is named twice is checked
/// when the type is first described.)
template <typename T>
concept Covered = Struct<T> && std::is_aggregate_v<T> && internal::FieldsMatchMembers<T>();

}  // namespace lrti::config
