#include <array>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "cli/vsr/frame_size.h"
#include "cli/vsr/module_tree.h"
#include "cli/vsr/network.h"
#include "cli/vsr/report_status.h"
#include "common/base/status.h"
#include "nn/census/census.h"
#include "nn/census/published.h"
#include "nn/census/states.h"
#include "nn/models/model.h"
#include "nn/models/parameter_count.h"
#include "train/load_weights.h"
#include "train/report/table.h"
#include "train/tensor/guarded.h"

namespace lrti::vsr {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

constexpr int64_t kFp32Bytes = 4;
constexpr int64_t kFp16Bytes = 2;
constexpr const char* kSpynetPrefix = "spynet.";

struct Kind {
  const char* key;
  const char* name;
  int64_t nn::Macs::*macs;
};
constexpr std::array kKinds = {
    Kind{"convolution", "convolutions", &nn::Macs::convolution},
    Kind{"linear", "linear layers", &nn::Macs::linear},
    Kind{"attention", "attention", &nn::Macs::attention},
    Kind{"product", "other matrix products", &nn::Macs::product},
};

struct InspectArguments {
  NetworkFlags network;
  std::string size = "180x320";
  int64_t depth = 2;
  bool json = false;
};

/// All that the command knows about a network.
struct Inspection {
  std::string type;
  std::vector<ModuleLine> modules;
  int64_t parameters = 0;
  int64_t flow_parameters = 0;
  FrameSize size;
  nn::FrameCost cost;
  int64_t published = 0;
  std::vector<nn::StateSpec> states;
};

int64_t FlowParameters(const nn::Model& model) {
  const std::string prefix = model.FlowPrefix();
  return prefix.empty() ? 0 : nn::ParameterCount(model, prefix);
}

absl::StatusOr<nn::FrameCost> Cost(const job::ModelConfig& config, const FrameSize& size) {
  try {
    if (const auto small = nn::FindTooSmall(config, size.height, size.width)) {
      return InvalidArgument("--size {}: the network needs frames of at least {}x{} ({})",
                             size.Text(), small->side_min, small->side_min, small->reason);
    }
    return nn::CostOfFrame(config, size.height, size.width);
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "counting: {}", error.what_without_backtrace());
  }
}

absl::StatusOr<Inspection> Look(const InspectArguments& arguments) {
  Inspection found;
  LRTI_ASSIGN_OR_RETURN(found.size, ParseFrameSize(arguments.size));
  LRTI_ASSIGN_OR_RETURN(const Network network, FindNetwork(arguments.network));
  const std::shared_ptr<nn::Model> model = nn::MakeModel(network.config);
  if (!arguments.network.checkpoint.empty()) {
    LRTI_RETURN_IF_ERROR(train::LoadWeights(arguments.network.checkpoint, *model));
  }
  found.type = TypeOf(network.config);
  found.modules = ModuleTree(*model, found.type, arguments.depth);
  found.parameters = nn::ParameterCount(*model);
  found.flow_parameters = FlowParameters(*model);
  found.states = model->States();
  LRTI_ASSIGN_OR_RETURN(found.cost, Cost(network.config, found.size));
  // A paper's own flow net is part of its network; SPyNet is nobody's own.
  const int64_t own_flow = model->FlowPrefix() == kSpynetPrefix ? 0 : found.cost.flow.Total();
  found.published = nn::PublishedMacs(network.config, found.size.height, found.size.width)
                        .value_or(found.cost.network.Total() + own_flow);
  return found;
}

// 1234567 as "1,234,567".
std::string Grouped(int64_t number) {
  std::string text = std::to_string(number);
  for (size_t place = text.size(); place > 3;) text.insert(place -= 3, ",");
  return text;
}

std::string ModulesText(const Inspection& found) {
  std::vector<Row> rows;
  for (const ModuleLine& line : found.modules) {
    const std::string count = line.count == 1 ? "" : fmt::format(" ({} alike)", line.count);
    const std::string kind = line.kind.empty() ? "" : fmt::format("  {}", line.kind);
    rows.push_back({fmt::format("{:{}}{}{}{}", "", 2 * line.depth, line.name, count, kind),
                    Grouped(line.parameters)});
  }
  return report::FormatTable({"module", "parameters"}, rows);
}

std::string Giga(int64_t macs) {
  return macs == 0 ? "-" : fmt::format("{:.2f} G", static_cast<double>(macs) / 1e9);
}

std::string Tera(int64_t macs) {
  return macs == 0 ? "-" : fmt::format("{:.4f} T", static_cast<double>(macs) / 1e12);
}

std::string MacsText(const Inspection& found) {
  std::vector<Row> rows;
  for (const Kind& kind : kKinds) {
    const int64_t network = found.cost.network.*kind.macs;
    const int64_t flow = found.cost.flow.*kind.macs;
    if (network + flow > 0) rows.push_back({kind.name, Giga(network), Giga(flow)});
  }
  rows.push_back(
      {"computed, in all", Tera(found.cost.network.Total()), Tera(found.cost.flow.Total())});
  rows.push_back({"as papers count", Tera(found.published), ""});
  return report::FormatTable(
      {fmt::format("multiply-accumulates of a {} frame", found.size.Text()), "network", "flow net"},
      rows);
}

std::string Mib(int64_t bytes) {
  return fmt::format("{:.4g} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string StatesText(const Inspection& found) {
  const std::array<FrameSize, 2> sizes = {FrameSize{64, 64}, found.size};
  Row header = {"hidden state", "direction", "order", "shape"};
  for (const FrameSize& size : sizes) {
    header.push_back(size.Text() + " fp32");
    header.push_back("fp16");
  }
  const auto add_bytes = [](Row& row, int64_t numbers) {
    row.push_back(Mib(kFp32Bytes * numbers));
    row.push_back(Mib(kFp16Bytes * numbers));
  };
  std::vector<Row> rows;
  for (const nn::StateSpec& spec : found.states) {
    const char* scale = spec.grid == nn::Grid::kHr ? "4" : "";
    Row& row = rows.emplace_back(Row{
        spec.branch, spec.direction == nn::Direction::kForward ? "forward" : "backward",
        std::to_string(spec.order), fmt::format("{} x {}H x {}W", spec.channels, scale, scale)});
    for (const auto& size : sizes) add_bytes(row, nn::StateNumbers(spec, size.height, size.width));
  }
  const nn::ClipStates clip = nn::StatesOfClip(found.states, 1, 1);
  Row& total = rows.emplace_back(
      Row{"a clip's, in all", "", "",
          fmt::format("{} tensor{}", clip.tensors, clip.tensors == 1 ? "" : "s")});
  for (const FrameSize& size : sizes) {
    add_bytes(total, nn::StatesOfClip(found.states, size.height, size.width).numbers);
  }
  return report::FormatTable(header, rows);
}

void Print(const Inspection& found) {
  std::printf("%s: %s parameters", found.type.c_str(), Grouped(found.parameters).c_str());
  if (found.flow_parameters > 0) {
    std::printf(", %s of them the flow net's", Grouped(found.flow_parameters).c_str());
  }
  std::printf("\n\n%s\n%s\n%s", ModulesText(found).c_str(), MacsText(found).c_str(),
              StatesText(found).c_str());
}

Json MacsJson(const nn::Macs& macs) {
  Json json;
  for (const Kind& kind : kKinds) json[kind.key] = macs.*kind.macs;
  json["total"] = macs.Total();
  return json;
}

Json BytesJson(int64_t numbers) {
  return {{"fp32", kFp32Bytes * numbers}, {"fp16", kFp16Bytes * numbers}};
}

template <typename Numbers>
Json BytesBySizeJson(const Inspection& found, const Numbers& numbers) {
  Json json;
  for (const FrameSize& size : {FrameSize{64, 64}, found.size}) {
    json[size.Text()] = BytesJson(numbers(size));
  }
  return json;
}

Json ModulesJson(const Inspection& found) {
  Json modules = Json::array();
  for (const ModuleLine& line : found.modules) {
    modules.push_back({{"depth", line.depth},
                       {"name", line.name},
                       {"kind", line.kind},
                       {"count", line.count},
                       {"parameters", line.parameters}});
  }
  return modules;
}

Json StatesJson(const Inspection& found) {
  Json states = Json::array();
  for (const nn::StateSpec& spec : found.states) {
    states.push_back(
        {{"branch", spec.branch},
         {"direction", spec.direction == nn::Direction::kForward ? "forward" : "backward"},
         {"order", spec.order},
         {"channels", spec.channels},
         {"grid", spec.grid == nn::Grid::kHr ? "hr" : "lr"},
         {"bytes", BytesBySizeJson(found, [&](const FrameSize& size) {
            return nn::StateNumbers(spec, size.height, size.width);
          })}});
  }
  return states;
}

Json ToJson(const Inspection& found) {
  const auto of_clip = [&](const FrameSize& size) {
    return nn::StatesOfClip(found.states, size.height, size.width).numbers;
  };
  return {{"model", found.type},
          {"parameters", {{"total", found.parameters}, {"flow_net", found.flow_parameters}}},
          {"modules", ModulesJson(found)},
          {"macs",
           {{"frame", {{"height", found.size.height}, {"width", found.size.width}}},
            {"computed",
             {{"network", MacsJson(found.cost.network)}, {"flow_net", MacsJson(found.cost.flow)}}},
            {"as_published", found.published}}},
          {"states", StatesJson(found)},
          {"clip_states",
           {{"tensors", nn::StatesOfClip(found.states, 1, 1).tensors},
            {"bytes", BytesBySizeJson(found, of_clip)}}}};
}

absl::Status Inspect(const InspectArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(const Inspection found, Look(arguments));
  if (arguments.json) {
    std::puts(ToJson(found).dump(2).c_str());
  } else {
    Print(found);
  }
  return absl::OkStatus();
}

}  // namespace

void AddInspect(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<InspectArguments>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Show a network: modules, parameters, multiply-accumulates, hidden states.");
  command->add_option("config", arguments->network.config, "Job file that names the network");
  AddNetworkFlags(*command, arguments->network);
  command->add_option("--checkpoint", arguments->network.checkpoint,
                      "A checkpoint folder, which names the network, or a .safetensors or .pth "
                      "file, whose weights must fit it");
  command->add_option("--size", arguments->size, "LR frame to count for, HEIGHTxWIDTH")
      ->capture_default_str();
  command->add_option("--depth", arguments->depth, "How far down modules are shown")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print JSON, with all numbers exact");
  command->footer(
      "Examples:\n"
      "  lrti-vsr inspect --model lrti_vsr --set depths=[6] --set heads=[6]\n"
      "  lrti-vsr inspect job.yaml --size 64x64 --depth 4\n"
      "  lrti-vsr inspect --checkpoint runs/a/checkpoints/step-00300000 --json\n"
      "Multiply-accumulates are those of one more frame in the middle of a video. Computed: what "
      "this program\nmultiplies, with windows padded; counted from a run without numbers. As "
      "papers "
      "count: their own counters,\nwithout SPyNet; for psrt, iiab and lrti_vsr they differ from "
      "what "
      "is computed (nn/census/published.h).");
  command->callback([arguments, &exit_code] {
    exit_code = ReportStatus(train::Guarded([&] { return Inspect(*arguments); }));
  });
}

}  // namespace lrti::vsr
