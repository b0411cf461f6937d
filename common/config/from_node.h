#pragma once

#include "common/config/kinds.h"
#include "common/config/node.h"
#include "common/config/scalar.h"
#include "common/config/schema.h"

namespace lrti::config {

/// Puts what the tree says into `value`; what it does not say stays. A part that Check would refuse
/// is left as it is.
template <typename T>
void Assign(const Node& node, T& value);

namespace internal {

template <NamedEnum E>
void AssignEnum(const Node& node, E& value) {
  for (const auto& [candidate, name] : EnumNames(value)) {
    if (node.kind == Node::Kind::kScalar && node.text == name) value = candidate;
  }
}

template <Struct T, typename M, typename... R>
void AssignField(const Node& map, const Field<T, M, R...>& field, T& value) {
  if (const Node* node = map.Find(field.key)) Assign(*node, value.*field.member);
}

template <Struct T, Struct M>
void AssignField(const Node& map, const Inline<T, M>& inlined, T& value) {
  Assign(map, value.*inlined.member);
}

/// An alternative that is already held keeps its values as defaults.
template <Alternative T, typename V>
void Choose(const std::string& type, V& value) {
  if (type == T::kType && !std::holds_alternative<T>(value)) value = T{};
}

template <typename... T>
void AssignChoice(const Node& map, std::variant<T...>& value) {
  if (const Node* type = map.Find("type")) (Choose<T>(type->text, value), ...);
  std::visit([&](auto& chosen) { Assign(map, chosen); }, value);
}

template <typename T>
void AssignList(const Node& node, std::vector<T>& list) {
  if (node.kind != Node::Kind::kList) return;
  list.clear();
  for (const Node& item : node.items) {
    T entry{};
    Assign(item, entry);
    list.push_back(std::move(entry));
  }
}

inline void AssignTexts(const Node& node, std::map<std::string, std::string>& texts) {
  if (node.kind != Node::Kind::kMap) return;
  texts.clear();
  for (const Entry& entry : node.entries) texts[entry.key] = entry.value.text;
}

}  // namespace internal

template <typename T>
void Assign(const Node& node, T& value) {
  if constexpr (Scalar<T>) {
    T read{};
    if (Read(node, read).ok()) value = std::move(read);
  } else if constexpr (NamedEnum<T>) {
    internal::AssignEnum(node, value);
  } else if constexpr (TextMap<T>) {
    internal::AssignTexts(node, value);
  } else if constexpr (List<T>) {
    internal::AssignList(node, value);
  } else if constexpr (Choice<T>) {
    internal::AssignChoice(node, value);
  } else {
    static_assert(Struct<T>, "a config member of a type that schema.h does not list");
    std::apply([&](const auto&... field) { (internal::AssignField(node, field, value), ...); },
               T::Fields());
  }
}

}  // namespace lrti::config
