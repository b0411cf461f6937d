#pragma once

#include "common/config/kinds.h"
#include "common/config/node.h"
#include "common/config/scalar.h"
#include "common/config/schema.h"

namespace lrti::config {

template <typename T>
Node ToNode(const T& value);

namespace internal {

template <NamedEnum E>
Node EnumToNode(E value) {
  for (const auto& [candidate, name] : EnumNames(value)) {
    if (candidate == value) return Node::Plain(name);
  }
  return Node();
}

template <Struct T>
void AddFields(const T& value, Node& map);

template <Struct T, typename M, typename... R>
void AddField(const T& value, const Field<T, M, R...>& field, Node& map) {
  map.Add(field.key, ToNode(value.*field.member));
}

template <Struct T, Struct M>
void AddField(const T& value, const Inline<T, M>& inlined, Node& map) {
  AddFields(value.*inlined.member, map);
}

template <Struct T>
void AddFields(const T& value, Node& map) {
  std::apply([&](const auto&... field) { (AddField(value, field, map), ...); }, T::Fields());
}

template <Struct T>
Node StructToNode(const T& value) {
  Node map = Node::Map();
  if constexpr (Alternative<T>) map.Add("type", Node::Plain(T::kType));
  AddFields(value, map);
  return map;
}

}  // namespace internal

/// The tree of a value, every field written, in the order of Fields().
template <typename T>
Node ToNode(const T& value) {
  if constexpr (std::same_as<T, std::string>) {
    return Node::Quoted(value);
  } else if constexpr (Scalar<T>) {
    return Node::Plain(Written(value));
  } else if constexpr (NamedEnum<T>) {
    return internal::EnumToNode(value);
  } else if constexpr (TextMap<T>) {
    Node map = Node::Map();
    for (const auto& [key, text] : value) map.Add(key, Node::Quoted(text));
    return map;
  } else if constexpr (List<T>) {
    Node list = Node::List();
    for (const auto& item : value) list.items.push_back(ToNode(item));
    return list;
  } else if constexpr (Choice<T>) {
    return std::visit([](const auto& chosen) { return internal::StructToNode(chosen); }, value);
  } else {
    static_assert(Struct<T>, "a config member of a type that schema.h does not list");
    return internal::StructToNode(value);
  }
}

}  // namespace lrti::config
