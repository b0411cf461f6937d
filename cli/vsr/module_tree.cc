#include "cli/vsr/module_tree.h"

#include <torch/torch.h>

#include <algorithm>
#include <memory>

#include "fmt/format.h"
#include "nn/models/parameter_count.h"

namespace lrti::vsr {
namespace {

struct Child {
  std::string name;
  std::shared_ptr<torch::nn::Module> module;
};

std::vector<Child> ChildrenOf(const torch::nn::Module& module) {
  std::vector<Child> children;
  for (const auto& item : module.named_children()) children.push_back({item.key(), item.value()});
  return children;
}

// "torch::nn::Conv2dImpl" to "Conv2d".
std::string KindOf(const torch::nn::Module& module) {
  std::string kind = module.name();
  if (const size_t last = kind.rfind("::"); last != std::string::npos) kind = kind.substr(last + 2);
  if (kind.ends_with("Impl")) kind.resize(kind.size() - 4);
  return kind == "Module" ? "" : kind;
}

bool IsNumber(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

// Of one make: the same kind, with parameters of the same names and shapes.
bool Alike(const torch::nn::Module& a, const torch::nn::Module& b) {
  if (KindOf(a) != KindOf(b)) return false;
  const auto of_a = a.named_parameters();
  const auto of_b = b.named_parameters();
  return std::equal(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(),
                    [](const auto& x, const auto& y) {
                      return x.key() == y.key() && x.value().sizes() == y.value().sizes();
                    });
}

void Add(const torch::nn::Module& module, ModuleLine line, int64_t depth_max,
         std::vector<ModuleLine>& lines) {
  line.kind = KindOf(module);
  line.parameters = line.count * nn::ParameterCount(module);
  const int64_t depth = line.depth;
  lines.push_back(std::move(line));
  if (depth == depth_max) return;
  const std::vector<Child> children = ChildrenOf(module);
  for (size_t first = 0, next = 0; first < children.size(); first = next) {
    for (next = first + 1; next < children.size(); ++next) {
      if (!IsNumber(children[first].name) || !IsNumber(children[next].name) ||
          !Alike(*children[first].module, *children[next].module)) {
        break;
      }
    }
    const auto count = static_cast<int64_t>(next - first);
    const std::string name =
        count == 1 ? children[first].name
                   : fmt::format("{}..{}", children[first].name, children[next - 1].name);
    Add(*children[first].module, {.depth = depth + 1, .name = name, .count = count}, depth_max,
        lines);
  }
}

}  // namespace

std::vector<ModuleLine> ModuleTree(const torch::nn::Module& network, const std::string& name,
                                   int64_t depth) {
  std::vector<ModuleLine> lines;
  Add(network, {.name = name}, depth, lines);
  return lines;
}

}  // namespace lrti::vsr
