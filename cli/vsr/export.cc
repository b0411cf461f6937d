#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "cli/vsr/report_status.h"
#include "common/base/status.h"
#include "train/checkpoint/pth.h"
#include "train/checkpoint/safetensors.h"
#include "train/checkpoint/weights.h"
#include "train/formats/naming.h"
#include "train/tensor/guarded.h"

namespace lrti::vsr {
namespace {

using checkpoint::NamedTensors;
using checkpoint::Which;
using formats::Naming;

enum class Format { kSafetensors, kPth };

const std::map<std::string, Format> kFormats = {{"safetensors", Format::kSafetensors},
                                                {"pth", Format::kPth}};
const std::map<std::string, Naming> kNamings = {{"basicsr", Naming::kBasicSr},
                                                {"mmagic", Naming::kMmagic}};
const std::map<std::string, Which> kWhich = {{"ema", Which::kAveraged}, {"raw", Which::kRaw}};

struct ExportArguments {
  std::string from, to, format, naming = "basicsr", weights = "ema";
};

absl::StatusOr<Format> FormatOf(const ExportArguments& arguments) {
  if (!arguments.format.empty()) return kFormats.at(arguments.format);
  const std::string extension = std::filesystem::path(arguments.to).extension();
  const auto known = kFormats.find(extension.empty() ? "" : extension.substr(1));
  if (known != kFormats.end()) return known->second;
  return InvalidArgument(
      "{}: its name does not tell the format: end it in .safetensors or .pth, or give --format",
      arguments.to);
}

NamedTensors Named(const NamedTensors& tensors, Naming naming) {
  if (naming == Naming::kBasicSr) return tensors;
  NamedTensors named;
  for (const auto& [name, tensor] : tensors) {
    named.emplace(formats::kMmagicPrefix + formats::MmagicName(name), tensor);
  }
  return named;
}

absl::Status Export(const ExportArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(const Format format, FormatOf(arguments));
  LRTI_ASSIGN_OR_RETURN(const checkpoint::Weights weights,
                        checkpoint::ReadWeights(arguments.from, kWhich.at(arguments.weights)));
  const Naming naming = kNamings.at(arguments.naming);
  const NamedTensors tensors = Named(weights.tensors, naming);
  const char* group = naming == Naming::kBasicSr ? formats::kBasicSrGroup : formats::kMmagicGroup;
  const auto written = format == Format::kPth ? checkpoint::WritePth(arguments.to, tensors, group)
                                              : checkpoint::WriteSafetensors(arguments.to, tensors,
                                                                             {{"format", "pt"}});
  LRTI_RETURN_IF_ERROR(written.status());
  std::printf("%s: %zu tensors (%s), %llu bytes, sha256 %s\n", arguments.to.c_str(), tensors.size(),
              weights.origin.c_str(), static_cast<unsigned long long>(written->bytes),
              written->sha256.c_str());
  return absl::OkStatus();
}

}  // namespace

void AddExport(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand(
      "export", "Write a checkpoint's weights as one file that other programs read.");
  command
      ->add_option("checkpoint", arguments->from,
                   "A checkpoint folder, or a .safetensors or .pth file of BasicSR or mmagic")
      ->required();
  command->add_option("-o,--output", arguments->to, "The file to write; an old one is replaced")
      ->required();
  command
      ->add_option("--format", arguments->format,
                   "safetensors or pth; default: what the file's name ends in")
      ->check(CLI::IsMember(kFormats));
  command
      ->add_option("--naming", arguments->naming,
                   "Whose names the tensors get. basicsr: our own, in a .pth under 'params'; "
                   "mmagic: with 'generator.' in front, in a .pth under 'state_dict'")
      ->check(CLI::IsMember(kNamings))
      ->capture_default_str();
  command
      ->add_option(
          "--weights", arguments->weights,
          "Where there are both: ema, the averaged weights, which evaluation uses; or raw, "
          "which training goes on from")
      ->check(CLI::IsMember(kWhich))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  lrti-vsr export runs/a/checkpoints/step-00300000 -o basicvsr.pth\n"
      "      for BasicSR, and in Python: torch.load('basicvsr.pth', weights_only=True)['params']\n"
      "  lrti-vsr export runs/a/checkpoints/step-00300000 -o basicvsr.pth --naming mmagic\n"
      "  lrti-vsr export theirs.pth -o ours.safetensors      convert a file; nothing in it is run\n"
      "To train on from a file of others, name it in the job: spec.train.init_from.");
  command->callback([arguments, &exit_code] {
    exit_code = ReportStatus(train::Guarded([&] { return Export(*arguments); }));
  });
}

}  // namespace lrti::vsr
