#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "common/config/covered.h"

/// How a config struct is declared, once: the member initialiser is the default, `Fields()` adds
/// key, meaning and bounds, and everything else (loading, checking, canonical text, JSON Schema,
/// documentation) follows.
///
///     struct LeaseConfig {
///       absl::Duration length = absl::Seconds(10);
///
///       static auto Fields() {
///         return std::tuple{config::Field{"length", &LeaseConfig::length,
///                                         "A worker silent for this long is declared lost.",
///                                         config::AtLeast(absl::Seconds(1))}};
///       }
///     };
///     static_assert(config::Covered<LeaseConfig>);
///
/// A member is a bool, int64_t, uint64_t, double, std::string, absl::Duration, an enum with
/// `constexpr auto EnumNames(E)` beside it (an array of value and name; the first name of a value
/// is the canonical one), a struct with Fields(), a std::vector of these, a std::map of text to
/// text, or a std::variant of structs with `static constexpr const char* kType`, chosen by the key
/// `type`.
namespace lrti::config {

/// At least this; for whole numbers, numbers and durations. On a list: each of its entries.
template <typename N>
struct AtLeast {
  explicit AtLeast(N low_value) : low(low_value) {}
  N low;
};

/// From `low` to `high`, both allowed. On a list: each of its entries.
template <typename N>
struct Between {
  Between(N low_value, N high_value) : low(low_value), high(high_value) {}
  N low;
  N high;
};

/// The key must be there, and a text must not be empty.
struct Required {};

/// The unit of a bare number, for the documentation.
struct Unit {
  explicit Unit(const char* unit_name) : name(unit_name) {}
  const char* name;
};

/// A list has exactly this many entries.
struct Length {
  explicit Length(int64_t entry_count) : entries(entry_count) {}
  int64_t entries;
};

/// A text that has one value only, such as the version of a format.
struct Exactly {
  explicit Exactly(const char* only_text) : text(only_text) {}
  const char* text;
};

/// One member: its key, its meaning and what bounds it.
template <typename S, typename M, typename... Rules>
struct Field {
  Field(const char* key_name, M S::*member_pointer, const char* help_text, Rules... field_rules)
      : key(key_name), member(member_pointer), help(help_text), rules(field_rules...) {}

  const char* key;
  M S::*member;
  const char* help;
  std::tuple<Rules...> rules;
};

/// A member whose keys stand among its parent's own.
template <typename S, typename M>
struct Inline {
  explicit Inline(M S::*member_pointer) : member(member_pointer) {}

  M S::*member;
};

}  // namespace lrti::config
