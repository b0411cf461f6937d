#include "train/sequence_states.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "train/tensor/autocast.h"
#include "train/tensor/state_codec.h"

namespace lrti::train {
namespace {

using hidden_state::GetStatus;
using hidden_state::StateKey;

hidden_state::Dtype StoredAs(const job::CacheConfig& cache) {
  switch (cache.dtype) {
    case job::StateDtype::kAuto:  // what leaves the process is better small
      return cache.mode == job::CacheMode::kService ? hidden_state::Dtype::kBf16
                                                    : hidden_state::Dtype::kFp32;
    case job::StateDtype::kFp32:
      return hidden_state::Dtype::kFp32;
    case job::StateDtype::kBf16:
      return hidden_state::Dtype::kBf16;
    case job::StateDtype::kFp16:
      return hidden_state::Dtype::kFp16;
    case job::StateDtype::kInt8:
      return hidden_state::Dtype::kInt8;
  }
  TORCH_CHECK(false, "unknown state dtype");
}

uint64_t CropOf(const data::Cut& cut) {
  return Fingerprint(fmt::format("{}+{} {},{} {}x{}", cut.first_frame, cut.frames, cut.top,
                                 cut.left, cut.height, cut.width))
      .value();
}

uint64_t AugmentationOf(const data::Cut& cut) {
  return static_cast<uint64_t>(cut.flip_horizontal) |
         static_cast<uint64_t>(cut.flip_vertical) << 1 | static_cast<uint64_t>(cut.transpose) << 2;
}

std::string NameOf(int64_t sequence, size_t branch, int64_t frame) {
  return fmt::format("{}.{}.{}", sequence, branch, frame);
}

/// Three whole numbers joined by dots; nothing else.
struct ParsedName {
  int64_t sequence = 0, branch = 0, frame = 0;
};
std::optional<ParsedName> ParseName(const std::string& name) {
  ParsedName parsed;
  int used = 0;
  long sequence = 0, branch = 0, frame = 0;
  if (std::sscanf(name.c_str(), "%ld.%ld.%ld%n", &sequence, &branch, &frame, &used) != 3 ||
      used != static_cast<int>(name.size()) || sequence < 0 || branch < 0 || frame < 0) {
    return std::nullopt;
  }
  parsed.sequence = sequence;
  parsed.branch = branch;
  parsed.frame = frame;
  return parsed;
}

}  // namespace

SequenceStates::SequenceStates(nn::Model& model, const ClipPlan& plan, hidden_state::Store& store,
                               const Options& options)
    : model_(model), plan_(plan), store_(store), options_(options) {}

std::set<SequenceStates::Place> SequenceStates::PlacesOf(const PlannedClip& clip) const {
  std::set<Place> places;
  const auto& specs = model_.States();
  for (size_t branch = 0; branch < specs.size(); ++branch) {
    const bool forward = specs[branch].direction == nn::Direction::kForward;
    const int64_t end = clip.start + plan_.procedure().clip_frames;
    const int64_t count = std::min(specs[branch].order, forward ? clip.left : clip.right);
    for (int64_t j = 0; j < count; ++j) {
      places.insert({branch, forward ? clip.start - 1 - j : end + j});
    }
  }
  return places;
}

std::set<SequenceStates::Place> SequenceStates::PlacesOf(int64_t sequence) const {
  std::set<Place> places;
  for (const PlannedClip& clip : plan_.ClipsOf(sequence)) places.merge(PlacesOf(clip));
  return places;
}

StateKey SequenceStates::KeyOf(int64_t sequence, const Place& place) const {
  const data::Cut cut = plan_.SequenceCut(sequence);
  const auto& [branch, frame] = place;
  return StateKey{
      .job = options_.job,
      .model = options_.model,
      .video = Fingerprint(plan_.videos()[static_cast<size_t>(cut.clip)].hr_path).value(),
      .crop = CropOf(cut),
      .augmentation = AugmentationOf(cut),
      .frame = static_cast<uint32_t>(frame),
      .branch = static_cast<uint32_t>(branch),
  };
}

/// What a sequence's states are of: the network and the window of a video. In a key a video goes by
/// its path; here by its name, because a run may go on where the videos lie elsewhere.
std::string SequenceStates::OriginOf(int64_t sequence) const {
  const data::Cut cut = plan_.SequenceCut(sequence);
  const data::ClipInfo& video = plan_.videos()[static_cast<size_t>(cut.clip)];
  Fingerprint origin(video.name);
  for (const int64_t number : {video.first_frame, video.frames, video.hr_height, video.hr_width}) {
    origin.Add(static_cast<uint64_t>(number));
  }
  origin.Add(options_.model).Add(CropOf(cut)).Add(AugmentationOf(cut));
  return fmt::format("{:016x}", origin.value());
}

nn::Reach SequenceStates::ReachOf(std::span<const int64_t> sequences) const {
  nn::Reach reach{.forward_end = 0, .backward_begin = std::numeric_limits<int64_t>::max()};
  for (const int64_t sequence : sequences) {
    for (const auto& [branch, frame] : PlacesOf(sequence)) {
      if (model_.States()[branch].direction == nn::Direction::kForward) {
        reach.forward_end = std::max(reach.forward_end, frame + 1);
      } else {
        reach.backward_begin = std::min(reach.backward_begin, frame);
      }
    }
  }
  return reach;
}

void SequenceStates::LongPass(std::span<const int64_t> sequences, const at::Tensor& frames,
                              const nn::Flows& flows, int64_t step) {
  const torch::NoGradGuard no_grad;
  std::vector<std::set<Place>> wanted;
  for (const int64_t sequence : sequences) wanted.push_back(PlacesOf(sequence));

  nn::Clip clip{.frames = frames, .flows = flows, .boundary = {}};
  if (plan_.procedure().long_initial_state == job::InitialState::kRandom) {
    const int64_t context = model_.Context();
    clip.frames = RepeatEnds(frames, context);
    clip.left = clip.right = context;
    clip.first_number = at::full({frames.size(0)}, -context, at::kLong);
    clip.flows = model_.EstimateFlows(clip.frames);
    clip.boundary = RandomStates(sequences, /*number=*/-1, frames.size(3), frames.size(4));
  }

  const hidden_state::Dtype dtype = StoredAs(options_.cache);
  const hidden_state::Version version{options_.lineage, static_cast<uint64_t>(step)};
  const PrecisionGuard precision(options_.device, options_.precision);  // flows stay fp32
  model_.Propagate(clip, ReachOf(sequences),
                   [&](size_t branch, int64_t frame, const at::Tensor& state) {
                     std::vector<hidden_state::PutItem> items;
                     for (size_t row = 0; row < sequences.size(); ++row) {
                       const Place place{branch, frame};
                       if (!wanted[row].contains(place)) continue;
                       auto blob = Encode(state.narrow(0, static_cast<int64_t>(row), 1), dtype);
                       if (rescuing_) rescued_[{sequences[row], place}] = blob;
                       items.push_back({KeyOf(sequences[row], place), version, std::move(blob)});
                     }
                     // A refused state is a later miss, which is recomputed and counted.
                     if (!items.empty()) (void)store_.Put(items);
                   });
}

absl::StatusOr<at::Tensor> SequenceStates::Fetch(int64_t sequence, const Place& place, int64_t step,
                                                 const Recompute& recompute) {
  if (const auto it = rescued_.find({sequence, place}); it != rescued_.end()) {
    return Decode(*it->second);
  }
  const StateKey key = KeyOf(sequence, place);
  const hidden_state::Rule rule{options_.lineage, static_cast<uint64_t>(step),
                                options_.cache.staleness_steps_max};
  const hidden_state::GetResult found = store_.Get({&key, 1}, rule).front();
  if (found.status == GetStatus::kHit) return Decode(*found.blob);
  ++recomputed_;
  rescuing_ = true;
  const absl::Status status = recompute(sequence);
  rescuing_ = false;
  LRTI_RETURN_IF_ERROR(status);
  return Decode(*rescued_.at({sequence, place}));
}

absl::StatusOr<nn::BoundaryStates> SequenceStates::Boundary(std::span<const PlannedClip> clips,
                                                            int64_t step,
                                                            const Recompute& recompute) {
  const auto& specs = model_.States();
  nn::BoundaryStates boundary(specs.size());
  for (const Place& place : PlacesOf(clips.front())) {
    const auto& [branch, frame] = place;
    const int64_t offset = frame - clips.front().start;
    std::vector<at::Tensor> rows;
    for (const PlannedClip& clip : clips) {
      LRTI_ASSIGN_OR_RETURN(rows.emplace_back(),
                            Fetch(clip.sequence, {branch, clip.start + offset}, step, recompute));
    }
    boundary[branch].push_back(at::cat(rows, 0).to(options_.device));
  }
  // Places are in order of time; the nearest frame comes first in a boundary list.
  for (size_t branch = 0; branch < specs.size(); ++branch) {
    if (specs[branch].direction == nn::Direction::kForward) {
      std::reverse(boundary[branch].begin(), boundary[branch].end());
    }
  }
  rescued_.clear();
  return boundary;
}

nn::BoundaryStates SequenceStates::RandomStates(std::span<const int64_t> sequences, int64_t number,
                                                int64_t height, int64_t width) const {
  nn::BoundaryStates boundary;
  for (const nn::StateSpec& spec : model_.States()) {
    const int64_t scale = spec.grid == nn::Grid::kHr ? 4 : 1;
    auto& states = boundary.emplace_back();
    for (int64_t j = 0; j < spec.order; ++j) {
      std::vector<at::Tensor> rows;
      for (const int64_t sequence : sequences) {
        Random name{options_.seed, static_cast<uint64_t>(sequence), static_cast<uint64_t>(number),
                    boundary.size(), static_cast<uint64_t>(j)};
        rows.push_back(torch::randn({1, spec.channels, height * scale, width * scale},
                                    at::make_generator<at::CPUGeneratorImpl>(name.Next())));
      }
      states.push_back(at::cat(rows, 0).to(options_.device));
    }
  }
  return boundary;
}

bool SequenceStates::AreThere(int64_t sequence, int64_t step) const {
  std::vector<StateKey> keys;
  for (const Place& place : PlacesOf(sequence)) keys.push_back(KeyOf(sequence, place));
  const hidden_state::Rule rule{options_.lineage, static_cast<uint64_t>(step),
                                options_.cache.staleness_steps_max};
  const std::vector<hidden_state::GetResult> found = store_.Get(keys, rule);
  return std::all_of(found.begin(), found.end(),
                     [](const auto& result) { return result.status == GetStatus::kHit; });
}

void SequenceStates::Forget(std::span<const int64_t> sequences) {
  std::vector<StateKey> keys;
  for (const int64_t sequence : sequences) {
    for (const Place& place : PlacesOf(sequence)) keys.push_back(KeyOf(sequence, place));
  }
  store_.Erase(keys);
}

SequenceStates::Saved SequenceStates::Save(int64_t step) const {
  std::map<int64_t, std::set<Place>> needed;
  const int64_t refresh = plan_.RefreshOf(step);
  for (int64_t later = step; plan_.RefreshOf(later) == refresh; ++later) {
    for (const PlannedClip& clip : plan_.Step(later)) needed[clip.sequence].merge(PlacesOf(clip));
  }
  Saved saved;
  const hidden_state::Rule rule{options_.lineage, static_cast<uint64_t>(step), -1};
  for (const auto& [sequence, places] : needed) {
    saved.origins[std::to_string(sequence)] = OriginOf(sequence);
    for (const Place& place : places) {
      const StateKey key = KeyOf(sequence, place);
      const hidden_state::GetResult found = store_.Get({&key, 1}, rule).front();
      if (found.status != GetStatus::kHit) continue;
      auto state = Decode(*found.blob);
      if (!state.ok()) continue;
      const std::string name = NameOf(sequence, place.first, place.second);
      // fp32 holds every stored format exactly, so nothing is lost on the way back.
      saved.tensors[name] = *std::move(state);
      saved.steps[name] = found.version.step;
    }
  }
  return saved;
}

absl::Status SequenceStates::Restore(const Saved& saved) {
  hidden_state::Dtype dtype = StoredAs(options_.cache);
  // Scales found a second time may differ in their last bit.
  if (dtype == hidden_state::Dtype::kInt8) dtype = hidden_state::Dtype::kFp32;
  for (const auto& [name, state] : saved.tensors) {
    const auto place = ParseName(name);
    const auto step = saved.steps.find(name);
    if (!place || step == saved.steps.end() ||
        static_cast<size_t>(place->branch) >= model_.States().size()) {
      return InvalidArgument("saved state '{}' does not belong to this network", name);
    }
    // Checkpoints of before know no origins. What is left out is a later miss, as a refused state.
    const auto origin = saved.origins.find(std::to_string(place->sequence));
    if (origin != saved.origins.end() && origin->second != OriginOf(place->sequence)) continue;
    const hidden_state::PutItem item{
        KeyOf(place->sequence, {static_cast<size_t>(place->branch), place->frame}),
        {options_.lineage, step->second},
        Encode(state, dtype)};
    (void)store_.Put({&item, 1});
  }
  return absl::OkStatus();
}

at::Tensor RepeatEnds(const at::Tensor& frames, int64_t context) {
  const auto sizes = frames.sizes();
  const auto repeated = [&](int64_t frame) {
    return frames.narrow(1, frame, 1).expand({sizes[0], context, sizes[2], sizes[3], sizes[4]});
  };
  return at::cat({repeated(0), frames, repeated(sizes[1] - 1)}, 1);
}

}  // namespace lrti::train
