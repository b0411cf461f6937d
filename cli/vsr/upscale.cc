#include <torch/torch.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "cli/vsr/network.h"
#include "cli/vsr/picture_sequence.h"
#include "cli/vsr/progress_bar.h"
#include "cli/vsr/report_status.h"
#include "cli/vsr/stop_signal.h"
#include "cli/vsr/work_bar.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "data/limits.h"
#include "nn/census/census.h"
#include "nn/models/model.h"
#include "train/infer.h"
#include "train/load_weights.h"
#include "train/tensor/device.h"
#include "train/tensor/guarded.h"

namespace lrti::vsr {
namespace {

constexpr int64_t kScale = 4;

const std::map<std::string, job::Precision> kPrecisions = {{"fp32", job::Precision::kFp32},
                                                           {"bf16", job::Precision::kBf16}};

struct UpscaleArguments {
  NetworkFlags network;
  std::string input, output, device = "auto", precision;
  int64_t bits = 8;
  bool overwrite = false, json = false;
};

/// Leaves the network in the middle of a video; the status says why.
struct Ended {
  absl::Status status;
};

absl::Status CheckFrames(const PictureSequence& input, const job::ModelConfig& config) {
  const auto [height, width] = input.size;
  if (kScale * std::max(height, width) > data::kSideMax) {
    return InvalidArgument("{}: frames of {}x{} pixels are too large; sides up to {}", input.path,
                           width, height, data::kSideMax / kScale);
  }
  const std::optional<nn::TooSmall> small = nn::FindTooSmall(config, height, width);
  if (!small) return absl::OkStatus();
  return InvalidArgument(
      "{}: frames of {}x{} pixels are too small; this network needs at least "
      "{}x{}",
      input.path, width, height, small->side_min, small->side_min);
}

/// Frames that go to a folder one by one, and how far that is.
class Output {
 public:
  Output(const UpscaleArguments& arguments, const PictureSequence& input, const Clock& clock)
      : arguments_(arguments),
        input_(input),
        bar_("upscaling", isatty(STDERR_FILENO) == 1, clock) {}

  void OnState(int64_t done, int64_t total) {
    states_ = done;
    states_in_all_ = total;
    Show();
    if (StopSignal()) throw Ended{absl::CancelledError("stopped")};
  }

  void OnFrame(int64_t frame, const at::Tensor& output) {
    const std::string& name = input_.names[static_cast<size_t>(frame)];
    const absl::Status status =
        WritePicture(JoinPath(arguments_.output, name), output, arguments_.bits);
    if (!status.ok()) throw Ended{status};
    ++written_;
    Show();
  }

  int64_t written() const { return written_; }
  absl::Duration elapsed() const { return bar_.elapsed(); }

  /// The status with what is there now.
  absl::Status Unfinished(const absl::Status& status) const {
    return absl::Status(status.code(),
                        fmt::format("{} ({} of {} frames are in {})", Message(status), written_,
                                    input_.frames(), arguments_.output));
  }

 private:
  void Show() {
    const auto done = static_cast<double>(states_ + written_);
    const auto all = static_cast<double>(states_in_all_ + input_.frames());
    bar_.Show(done / all, fmt::format("{}/{} frames written", written_, input_.frames()));
  }

  const UpscaleArguments& arguments_;
  const PictureSequence& input_;
  WorkBar bar_;
  int64_t states_ = 0;
  int64_t states_in_all_ = 0;
  int64_t written_ = 0;
};

absl::Status Run(nn::Model& model, const at::Tensor& frames, const c10::Device& device,
                 job::Precision precision, Output& output) {
  try {
    train::ForEachOutput(
        model, frames.to(device), train::ChunkFrames(frames.size(3), frames.size(4)), precision,
        [&](int64_t frame, const at::Tensor& picture) { output.OnFrame(frame, picture); },
        [&](int64_t done, int64_t total) { output.OnState(done, total); });
  } catch (const Ended& ended) {
    return ended.status;
  } catch (const c10::OutOfMemoryError& error) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "the device's memory is full; give fewer frames, or --device cpu ({})",
                 error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "{}", error.what_without_backtrace());
  }
  return absl::OkStatus();
}

void Report(const UpscaleArguments& arguments, const PictureSequence& input,
            absl::Duration elapsed) {
  const int64_t height = kScale * input.size.height;
  const int64_t width = kScale * input.size.width;
  if (!arguments.json) {
    std::printf("%lld frames of %lldx%lld pixels in %s (%s)\n",
                static_cast<long long>(input.frames()), static_cast<long long>(width),
                static_cast<long long>(height), arguments.output.c_str(),
                ShortDuration(elapsed).c_str());
    return;
  }
  const nlohmann::ordered_json json = {{"output", arguments.output},
                                       {"frames", input.frames()},
                                       {"width", width},
                                       {"height", height},
                                       {"bits", arguments.bits},
                                       {"seconds", absl::ToDoubleSeconds(elapsed)}};
  std::puts(json.dump(2).c_str());
}

absl::Status Upscale(const UpscaleArguments& arguments) {
  const SystemClock clock;
  LRTI_ASSIGN_OR_RETURN(const c10::Device device, train::ParseDevice(arguments.device));
  LRTI_RETURN_IF_ERROR(CheckOutputFolder(arguments.output, arguments.input, arguments.overwrite));
  LRTI_ASSIGN_OR_RETURN(const PictureSequence input, FindPictures(arguments.input));
  LRTI_ASSIGN_OR_RETURN(const Network network, FindNetwork(arguments.network));
  LRTI_RETURN_IF_ERROR(CheckFrames(input, network.config));
  const std::shared_ptr<nn::Model> model = nn::MakeModel(network.config);
  LRTI_RETURN_IF_ERROR(train::LoadWeights(arguments.network.checkpoint, *model));
  model->to(device);
  LRTI_ASSIGN_OR_RETURN(const at::Tensor frames, ReadAll(input));
  LRTI_RETURN_IF_ERROR(MakeFolders(arguments.output));
  const job::Precision precision =
      arguments.precision.empty() ? network.precision : kPrecisions.at(arguments.precision);

  StopSignal();  // from here on Ctrl-C ends between two states, with what is written whole
  absl::Duration elapsed;
  {
    Output output(arguments, input, clock);
    const absl::Status status = Run(*model, frames, device, precision, output);
    if (!status.ok()) return output.Unfinished(status);
    elapsed = output.elapsed();
  }
  Report(arguments, input, elapsed);
  return absl::OkStatus();
}

}  // namespace

void AddUpscale(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<UpscaleArguments>();
  CLI::App* command = app.add_subcommand("upscale", "Enlarge a video four times.");
  command
      ->add_option("frames", arguments->input, "A folder of pictures, one a frame, or a video file")
      ->required();
  command
      ->add_option("-o,--output", arguments->output,
                   "Folder for the frames, PNG files named as the input's; numbered for a video")
      ->required();
  command
      ->add_option(
          "--checkpoint", arguments->network.checkpoint,
          "A checkpoint folder (its averaged weights where it has them), or, with --model, "
          "a .safetensors or .pth file of ours, BasicSR or mmagic")
      ->required();
  AddNetworkFlags(*command, arguments->network);
  command->add_option("--device", arguments->device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str();
  command
      ->add_option("--precision", arguments->precision,
                   "fp32 or bf16; default: what the checkpoint's job says, for files fp32")
      ->check(CLI::IsMember(kPrecisions));
  command->add_option("--bits", arguments->bits, "Bits of a colour in the PNG files: 8 or 16")
      ->check(CLI::IsMember({8, 16}))
      ->capture_default_str();
  command->add_flag("--overwrite", arguments->overwrite,
                    "Write into a folder that holds files; those of the same names are replaced");
  command->add_flag("--json", arguments->json, "Print what was done as JSON");
  command->footer(
      "Examples:\n"
      "  lrti-vsr upscale frames/ -o large/ --checkpoint runs/a/checkpoints/step-00300000\n"
      "  lrti-vsr upscale frames/ -o large/ --checkpoint BasicVSR_REDS4.pth --model basicvsr\n"
      "The video is one sequence for the network, and all of its frames, with their optical flow, "
      "are in\nmemory at once; videos that do not fit come later. Each file appears whole or not "
      "at "
      "all. Ctrl-C ends\nwith those that are written.");
  command->callback([arguments, &exit_code] {
    exit_code = ReportStatus(train::Guarded([&] { return Upscale(*arguments); }));
  });
}

}  // namespace lrti::vsr
