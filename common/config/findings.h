#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace lrti::config {

/// Everything that is wrong with a config, so that a person mends it in one go.
class Findings {
 public:
  /// `line` as in Node::line.
  void Add(const std::string& path, int line, const std::string& message);

  bool empty() const { return count_ == 0; }
  size_t count() const { return count_; }

  /// Whether something was found at one of the paths, above it or below it: a rule over several
  /// fields has nothing to say where one of them is wrong by itself.
  bool Touch(std::initializer_list<std::string> paths) const;

  /// OK, or InvalidArgument with one finding a line, `path (line 3): what is wrong`; of very many,
  /// the first ones and their number.
  absl::Status ToStatus() const;

 private:
  std::vector<std::string> paths_;
  std::vector<std::string> lines_;
  size_t count_ = 0;
};

}  // namespace lrti::config
