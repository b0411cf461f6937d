#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace lrti {

/// Named things, written out in one place; an unknown name is answered with the known ones.
template <typename T>
class Registry {
 public:
  using Entry = std::pair<std::string, T>;

  Registry(std::string kind, std::initializer_list<Entry> entries) : kind_(std::move(kind)) {
    for (const Entry& entry : entries) entries_.insert(entry);
  }

  absl::StatusOr<T> Find(const std::string& name) const {
    if (auto it = entries_.find(name); it != entries_.end()) return it->second;
    return InvalidArgument("unknown {} '{}'; known: {}", kind_, name, absl::StrJoin(Names(), ", "));
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : entries_) names.push_back(name);
    return names;
  }

 private:
  std::string kind_;
  std::map<std::string, T> entries_;
};

}  // namespace lrti
