#include "train/strategies/clip_plan.h"

#include <algorithm>
#include <utility>

#include "common/base/random.h"
#include "common/base/status.h"

namespace lrti::train {
namespace {

// Names of the random streams; a number used twice would tie two draws together.
enum Stream : uint64_t { kVideoOrder = 1, kWindow = 2, kStart = 3, kClipOrder = 4 };

template <typename T>
size_t Index(T number) {
  return static_cast<size_t>(number);
}

absl::Status CheckVideo(const Procedure& procedure, int64_t crop, const data::ClipInfo& video) {
  if (video.frames < procedure.frames_min()) {
    return InvalidArgument(
        "{}: {} frames are too few: a clip of {} frames{} needs {}; take a shorter clip_frames or "
        "leave the video out (data.train.exclude)",
        video.name, video.frames, procedure.clip_frames,
        procedure.start == job::StartPolicy::kInterior ? " away from both ends" : "",
        procedure.frames_min());
  }
  if (crop > video.hr_height / 4 || crop > video.hr_width / 4) {
    return InvalidArgument(
        "{}: spec.data.train.crop: {} is larger than the LR frame of {}x{} (width x height); take "
        "a smaller crop, or 0 for whole frames",
        video.name, crop, video.hr_width / 4, video.hr_height / 4);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClipPlan> ClipPlan::Make(const Procedure& procedure, const job::TrainData& data,
                                        std::vector<data::ClipInfo> videos, int64_t batch,
                                        uint64_t seed) {
  if (videos.empty()) return InvalidArgument("spec.data.train: no video is left to train on");
  for (const data::ClipInfo& video : videos) {
    LRTI_RETURN_IF_ERROR(CheckVideo(procedure, data.crop, video));
  }
  return ClipPlan(procedure, data, std::move(videos), batch, seed);
}

int64_t ClipPlan::StepsPerRefresh() const {
  if (procedure_.scope == Scope::kSequence) return procedure_.clips_per_refresh;
  const int64_t clips = procedure_.clips_per_refresh * static_cast<int64_t>(videos_.size());
  return (clips + batch_ - 1) / batch_;
}

int64_t ClipPlan::SequencesPerRefresh() const {
  return procedure_.scope == Scope::kSequence ? batch_ : static_cast<int64_t>(videos_.size());
}

int64_t ClipPlan::VideoOf(int64_t sequence) const {
  const auto count = static_cast<int64_t>(videos_.size());
  if (procedure_.scope == Scope::kEpoch) return sequence % count;
  const int64_t epoch = sequence / count;
  VideoOrder& order = *order_;
  const MutexLock lock(order.mutex);
  if (order.epoch != epoch) {
    order.videos = Random{seed_, kVideoOrder, static_cast<uint64_t>(epoch)}.Permutation(count);
    order.epoch = epoch;
  }
  return order.videos[Index(sequence % count)];
}

int64_t ClipPlan::SequenceFrames(int64_t video) const {
  const int64_t available = videos_[Index(video)].frames;
  return procedure_.sequence_frames == 0 ? available
                                         : std::min(procedure_.sequence_frames, available);
}

data::Cut ClipPlan::SequenceCut(int64_t sequence) const {
  data::Cut cut;
  cut.clip = VideoOf(sequence);
  const data::ClipInfo& video = videos_[Index(cut.clip)];
  Random random{seed_, kWindow, static_cast<uint64_t>(sequence)};
  cut.frames = SequenceFrames(cut.clip);
  cut.first_frame = random.Below(video.frames - cut.frames + 1);
  const int64_t lr_height = video.hr_height / 4;
  const int64_t lr_width = video.hr_width / 4;
  cut.height = data_.crop == 0 ? lr_height : data_.crop;
  cut.width = data_.crop == 0 ? lr_width : data_.crop;
  cut.top = random.Below(lr_height - cut.height + 1);
  cut.left = random.Below(lr_width - cut.width + 1);
  // Drawn whether used or not, so that switching one off leaves the others as they are.
  const bool horizontal = random.Coin(), vertical = random.Coin(), transpose = random.Coin();
  cut.flip_horizontal = data_.flip && horizontal;
  cut.flip_vertical = data_.flip && vertical;
  cut.transpose = data_.transpose && transpose;
  return cut;
}

PlannedClip ClipPlan::ClipOf(int64_t sequence, int64_t number) const {
  const int64_t frames = SequenceFrames(VideoOf(sequence));
  const int64_t margin =
      procedure_.start == job::StartPolicy::kInterior ? procedure_.order : int64_t{0};
  Random random{seed_, kStart, static_cast<uint64_t>(sequence), static_cast<uint64_t>(number)};
  PlannedClip clip;
  clip.sequence = sequence;
  clip.start = margin + random.Below(frames - procedure_.clip_frames - 2 * margin + 1);
  clip.left = std::min(procedure_.order, clip.start);
  clip.right = std::min(procedure_.order, frames - clip.start - procedure_.clip_frames);
  return clip;
}

std::vector<PlannedClip> ClipPlan::ClipsOf(int64_t sequence) const {
  std::vector<PlannedClip> clips;
  for (int64_t n = 0; n < procedure_.clips_per_refresh; ++n) clips.push_back(ClipOf(sequence, n));
  return clips;
}

std::vector<int64_t> ClipPlan::SequencesOf(int64_t refresh, const Share& share) const {
  const int64_t count = SequencesPerRefresh();
  const auto [begin, end] = share.Of(count);
  std::vector<int64_t> numbers;
  for (int64_t i = begin; i < end; ++i) numbers.push_back(refresh * count + i);
  return numbers;
}

std::vector<PlannedClip> ClipPlan::Step(int64_t step, const Share& share) const {
  const int64_t refresh = RefreshOf(step);
  const int64_t number = step % StepsPerRefresh();
  std::vector<PlannedClip> clips;
  if (procedure_.scope == Scope::kSequence) {
    for (const int64_t sequence : SequencesOf(refresh, share)) {
      clips.push_back(ClipOf(sequence, number));
    }
    return clips;
  }
  // An epoch is R rounds over all videos, each round in an order of its own, cut into batches.
  const auto count = static_cast<int64_t>(videos_.size());
  const int64_t first = number * batch_;
  const int64_t left = procedure_.clips_per_refresh * count - first;
  const auto [begin, end] = share.Of(std::min(batch_, left));
  std::vector<int64_t> order;
  for (int64_t i = first + begin; i < first + end; ++i) {
    const int64_t round = i / count;
    if (order.empty() || i % count == 0) {
      order =
          Random{seed_, kClipOrder, static_cast<uint64_t>(refresh), static_cast<uint64_t>(round)}
              .Permutation(count);
    }
    clips.push_back(ClipOf(refresh * count + order[Index(i % count)], round));
  }
  return clips;
}

}  // namespace lrti::train
