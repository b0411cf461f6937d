#pragma once

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/check.h"
#include "common/config/kinds.h"
#include "common/config/schema.h"
#include "common/config/to_node.h"
#include "common/config/type.h"

namespace lrti::config {

/// Describes T, with the values of `standard` as defaults.
template <typename T>
Type TypeOf(const T& standard = T{});

namespace internal {

template <Bounded T, typename N>
Limit LimitOf(N number) {
  if constexpr (WholeNumber<T>) {
    static_assert(std::integral<N>, "a whole number's bound is a whole number");
    LRTI_CHECK(std::in_range<T>(number));
    return static_cast<T>(number);
  } else {
    static_assert(std::convertible_to<N, T>, "a bound of another kind than its field");
    return static_cast<T>(number);
  }
}

/// Numbers bound a list's entries and a number itself.
inline Type& BoundedPart(Type& type) {
  return type.kind == Type::Kind::kList ? type.entry.front() : type;
}

template <typename M, typename N>
void Apply(const AtLeast<N>& rule, FieldType& field) {
  BoundedPart(field.type).low = LimitOf<typename EntryOf<M>::Type>(rule.low);
}

template <typename M, typename N>
void Apply(const Between<N>& rule, FieldType& field) {
  BoundedPart(field.type).low = LimitOf<typename EntryOf<M>::Type>(rule.low);
  BoundedPart(field.type).high = LimitOf<typename EntryOf<M>::Type>(rule.high);
}

template <typename M>
void Apply(const Required&, FieldType& field) {
  field.required = true;
  field.type.not_empty = std::same_as<M, std::string>;
}

template <typename M>
void Apply(const Unit& unit, FieldType& field) {
  field.unit = unit.name;
}

template <typename M>
void Apply(const Length& rule, FieldType& field) {
  static_assert(List<M>, "only a list has a length");
  field.type.length = rule.entries;
}

template <typename M>
void Apply(const Exactly& rule, FieldType& field) {
  static_assert(std::same_as<M, std::string>, "only a text has one exact value");
  field.type.exactly = rule.text;
}

/// The struct's fields, and the members that they name.
struct FieldList {
  std::vector<FieldType> fields;
  std::set<const void*> members;
};

template <Struct T>
void CollectFields(const T& standard, FieldList& list);

template <Struct T, typename M, typename... R>
void CollectField(const T& standard, const Field<T, M, R...>& field, FieldList& list) {
  const M& value = standard.*field.member;
  LRTI_CHECK(list.members.insert(&value).second && "two fields name the same member");
  FieldType described{field.key, field.help, "", false, ToNode(value), TypeOf(value)};
  std::apply([&](const auto&... rule) { (Apply<M>(rule, described), ...); }, field.rules);
  list.fields.push_back(std::move(described));
}

template <Struct T, Struct M>
void CollectField(const T& standard, const Inline<T, M>& inlined, FieldList& list) {
  CollectFields(standard.*inlined.member, list);
}

template <Struct T>
void CollectFields(const T& standard, FieldList& list) {
  std::apply([&](const auto&... field) { (CollectField(standard, field, list), ...); },
             T::Fields());
}

/// The field that chooses an alternative.
inline FieldType TypeField(const std::string& name) {
  FieldType field{"type", "Chooses this kind.", "", false, Node::Plain(name), Type()};
  field.type.exactly = name;
  return field;
}

template <Struct T>
Type StructType(const T& standard) {
  FieldList list;
  Type type;
  type.kind = Type::Kind::kStruct;
  if constexpr (Alternative<T>) {
    type.name = T::kType;
    list.fields.push_back(TypeField(type.name));
  }
  CollectFields(standard, list);
  type.fields = std::move(list.fields);
  const std::vector<std::string> keys = Keys(type);
  LRTI_CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == keys.size() &&
             "a key is declared twice");
  return type;
}

template <typename... T>
Type ChoiceType(const std::variant<T...>& standard) {
  const auto describe = [&]<typename A>(const A* held) {
    return StructType(held == nullptr ? A{} : *held);
  };
  Type type;
  type.kind = Type::Kind::kChoice;
  type.alternatives = {describe(std::get_if<T>(&standard))...};
  type.standard = standard.index();
  return type;
}

template <NamedEnum E>
std::vector<std::string> NamesOf(E value) {
  std::vector<std::string> names;
  for (const auto& [candidate, name] : EnumNames(value)) names.emplace_back(name);
  return names;
}

template <typename T>
constexpr Type::Kind KindOf() {
  if (std::same_as<T, bool>) return Type::Kind::kBool;
  if (std::same_as<T, int64_t>) return Type::Kind::kInt;
  if (std::same_as<T, uint64_t>) return Type::Kind::kUint;
  if (std::same_as<T, double>) return Type::Kind::kDouble;
  if (std::same_as<T, absl::Duration>) return Type::Kind::kDuration;
  if (NamedEnum<T>) return Type::Kind::kEnum;
  if (TextMap<T>) return Type::Kind::kTextMap;
  if (List<T>) return Type::Kind::kList;
  return Type::Kind::kText;
}

}  // namespace internal

template <typename T>
Type TypeOf(const T& standard) {
  if constexpr (Choice<T>) {
    return internal::ChoiceType(standard);
  } else if constexpr (Struct<T>) {
    static_assert(Covered<T>, "Fields() does not name every member of the struct");
    return internal::StructType(standard);
  } else {
    Type type;
    type.kind = internal::KindOf<T>();
    if constexpr (NamedEnum<T>) type.names = internal::NamesOf(standard);
    if constexpr (List<T>) type.entry = {TypeOf<typename EntryOf<T>::Type>()};
    return type;
  }
}

}  // namespace lrti::config
