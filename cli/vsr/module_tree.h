#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace torch::nn {
class Module;
}

namespace lrti::vsr {

/// A module of a network, or several alike that follow each other in a list.
struct ModuleLine {
  int64_t depth = 0;       // 0: the network itself
  std::string name;        // "spynet", "0..29"; among its parent's children
  std::string kind;        // "Conv2d"; empty for one that only groups others
  int64_t count = 1;       // modules that the line stands for
  int64_t parameters = 0;  // of all of them, with what is below
};

/// The tree of `network` down to `depth`, parents first. Numbered neighbours of one make are one
/// line, below which the first of them is shown.
std::vector<ModuleLine> ModuleTree(const torch::nn::Module& network, const std::string& name,
                                   int64_t depth);

}  // namespace lrti::vsr
