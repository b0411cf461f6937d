#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::formats {

/// Whose names a file's tensors have.
enum class Naming { kBasicSr, kMmagic };
constexpr auto EnumNames(Naming) {
  return std::array{std::pair{Naming::kBasicSr, "basicsr"}, std::pair{Naming::kMmagic, "mmagic"}};
}

/// Where each framework keeps a network's tensors in a .pth file, and what stands before their
/// names there.
inline constexpr const char* kBasicSrGroup = "params";
inline constexpr const char* kBasicSrAverageGroup = "params_ema";
inline constexpr const char* kMmagicGroup = "state_dict";
inline constexpr const char* kMmagicPrefix = "generator.";

/// Our networks name their tensors as BasicSR does:
///
///     BasicSR, ours                                 mmagic
///     backward_trunk.*, forward_trunk.*             backward_resblocks.*, forward_resblocks.*
///     upconv1.*, upconv2.*                          upsample1.upsample_conv.*, upsample2....
///     *basic_module.L.basic_module.2K.*  (SPyNet)   *basic_module.L.basic_module.K.conv.*
///
/// All other names are equal.
std::string MmagicName(std::string_view ours);

/// The inverse; names that are ours already stay as they are.
std::string OurName(std::string_view name);

/// Our names for the names of a file, by the file's name.
///
/// `module.` and `generator.` in front are taken off. Where any name begins with `generator.`, all
/// others (losses, discriminators, counters) are left out; `step_counter` always is.
/// Errors: InvalidArgument where two names of the file are one of ours.
absl::StatusOr<std::map<std::string, std::string>> OurNames(const std::vector<std::string>& names);

/// Whether a network may do without this tensor: window attention's index tables, which other
/// implementations save and ours compute.
bool IsComputed(std::string_view name);

}  // namespace lrti::formats
