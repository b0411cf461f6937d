#include "train/run_reports.h"

#include <algorithm>
#include <utility>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "data/image_file.h"
#include "train/report/picture.h"
#include "train/results.h"

namespace lrti::train {
namespace {

constexpr int64_t kPanelSide = 384;  // HR pixels of a sample that are shown, at most

/// The middle of a picture, no side longer than kPanelSide.
data::Image Middle(const data::Image& image) {
  const int64_t height = std::min(image.height, kPanelSide);
  const int64_t width = std::min(image.width, kPanelSide);
  const int64_t top = (image.height - height) / 2, left = (image.width - width) / 2;
  data::Image part{height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    const auto begin = image.pixels.begin() + 3 * ((top + y) * image.width + left);
    part.pixels.insert(part.pixels.end(), begin, begin + 3 * width);
  }
  return part;
}

}  // namespace

absl::StatusOr<RunReports> RunReports::Open(const RunFolder& folder, int64_t step,
                                            const Clock& clock) {
  LRTI_ASSIGN_OR_RETURN(auto metrics, report::JsonlWriter::Open(folder.metrics(), step));
  LRTI_ASSIGN_OR_RETURN(auto tensorboard,
                        report::EventFileWriter::Create(folder.path(), step, clock));
  return RunReports(folder.results(), folder.samples(), std::move(metrics), std::move(tensorboard));
}

absl::Status RunReports::Step(const events::Event& event) {
  events::Event line = event;
  line.erase("event");
  LRTI_RETURN_IF_ERROR(metrics_.Write(line));
  for (const char* name : {"loss", "psnr", "lr", "grad_norm", "steps_per_second"}) {
    LRTI_RETURN_IF_ERROR(tensorboard_.Scalar(std::string("train/") + name, line[name].get<double>(),
                                             line["step"].get<int64_t>()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RunReports::Scores(const std::vector<SetScores>& scores, int64_t step) {
  std::string first;
  for (const SetScores& set : scores) {
    LRTI_RETURN_IF_ERROR(tensorboard_.Scalar("eval/" + set.name + "/psnr", set.network.psnr, step));
    LRTI_RETURN_IF_ERROR(tensorboard_.Scalar("eval/" + set.name + "/ssim", set.network.ssim, step));
  }
  LRTI_RETURN_IF_ERROR(WriteFileAtomic(results_, ResultsJson(scores, step).dump(2) + "\n"));
  for (const SetScores& set : scores) {
    LRTI_ASSIGN_OR_RETURN(const std::string path, WriteSample(set, step));
    if (first.empty()) first = path;
  }
  return first;
}

absl::StatusOr<std::string> RunReports::WriteSample(const SetScores& set, int64_t step) const {
  const data::Image picture =
      report::SideBySide({{"bicubic", Middle(set.sample.bicubic)},
                          {fmt::format("step {}", step), Middle(set.sample.network)},
                          {"ground truth", Middle(set.sample.target)}});
  std::string path = fmt::format("{}/{}-step{:08}-{}-{:08}.png", samples_, set.name, step,
                                 set.sample.clip, set.sample.frame);
  LRTI_RETURN_IF_ERROR(data::WritePng(path, picture));
  return path;
}

}  // namespace lrti::train
