#include "train/formats/naming.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "common/base/status.h"
#include "train/formats/shown.h"

namespace lrti::formats {
namespace {

// What names begin with.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kBeginnings = {{
    {"backward_trunk.", "backward_resblocks."},
    {"forward_trunk.", "forward_resblocks."},
    {"upconv1.", "upsample1.upsample_conv."},
    {"upconv2.", "upsample2.upsample_conv."},
}};

constexpr std::string_view kModule = "basic_module.";
constexpr std::string_view kConv = "conv.";
constexpr int kConvMax = 1000;  // far beyond SPyNet's five

// Takes `number.` off the front of `text`.
std::optional<int> TakeNumber(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number > kConvMax || end == text.data() + text.size() ||
      *end != '.') {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return number;
}

// `head` basic_module.L.basic_module. | number | . | rest
struct SpynetName {
  std::string head;
  int number = 0;
  std::string_view rest;
};

std::optional<SpynetName> SplitSpynet(std::string_view name) {
  const size_t outer = name.find(kModule);
  if (outer == std::string_view::npos || (outer > 0 && name[outer - 1] != '.')) return std::nullopt;
  std::string_view rest = name.substr(outer + kModule.size());
  if (!TakeNumber(rest) || !rest.starts_with(kModule)) return std::nullopt;
  rest.remove_prefix(kModule.size());
  const std::string_view head = name.substr(0, name.size() - rest.size());
  const std::optional<int> number = TakeNumber(rest);
  if (!number) return std::nullopt;
  return SpynetName{std::string(head), *number, rest};
}

template <typename Replacements>
std::string WithBeginning(std::string_view name, const Replacements& replacements) {
  for (const auto& [from, to] : replacements) {
    if (name.starts_with(from)) return std::string(to).append(name.substr(from.size()));
  }
  return std::string(name);
}

// Takes `module.` and `generator.` off, in any order; says whether there was a `generator.`.
bool TakePrefixes(std::string_view& name) {
  constexpr std::string_view kParallel = "module.";
  const std::string_view generator = kMmagicPrefix;
  bool generators = false;
  while (true) {
    if (name.starts_with(kParallel)) {
      name.remove_prefix(kParallel.size());
    } else if (name.starts_with(generator)) {
      name.remove_prefix(generator.size());
      generators = true;
    } else {
      return generators;
    }
  }
}

}  // namespace

std::string MmagicName(std::string_view ours) {
  // In SPyNet's level every other place is a ReLU's; mmagic keeps both in one module.
  if (const auto spynet = SplitSpynet(ours); spynet && spynet->number % 2 == 0) {
    return fmt::format("{}{}.{}{}", spynet->head, spynet->number / 2, kConv, spynet->rest);
  }
  return WithBeginning(ours, kBeginnings);
}

std::string OurName(std::string_view name) {
  if (const auto spynet = SplitSpynet(name); spynet && spynet->rest.starts_with(kConv)) {
    return fmt::format("{}{}.{}", spynet->head, 2 * spynet->number,
                       spynet->rest.substr(kConv.size()));
  }
  auto inverse = kBeginnings;
  for (auto& [ours, mmagic] : inverse) std::swap(ours, mmagic);
  return WithBeginning(name, inverse);
}

absl::StatusOr<std::map<std::string, std::string>> OurNames(const std::vector<std::string>& names) {
  const bool generators = std::any_of(names.begin(), names.end(),
                                      [](std::string_view name) { return TakePrefixes(name); });
  std::map<std::string, std::string> renamed;
  std::map<std::string, std::string> taken;
  for (const std::string& name : names) {
    std::string_view rest = name;
    if (TakePrefixes(rest) != generators || rest == "step_counter") continue;
    std::string ours = OurName(rest);
    if (const auto [other, added] = taken.emplace(ours, name); !added) {
      return InvalidArgument("'{}' and '{}' are two tensors for '{}'", Shown(other->second),
                             Shown(name), Shown(ours));
    }
    renamed.emplace(name, std::move(ours));
  }
  return renamed;
}

bool IsComputed(std::string_view name) {
  constexpr std::string_view kIndex = "relative_position_index";
  return name == kIndex || name.ends_with(fmt::format(".{}", kIndex));
}

}  // namespace lrti::formats
