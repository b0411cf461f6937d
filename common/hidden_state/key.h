#pragma once

#include <compare>
#include <cstdint>

namespace lrti::hidden_state {

/// The name of one state. Two tensors that differ must differ in their keys: `crop` and
/// `augmentation` cover position, scale, flips and transpose; `model` covers the network's shape.
struct StateKey {
  uint64_t job = 0;           // whose state it is
  uint64_t model = 0;         // fingerprint of the network's config
  uint64_t video = 0;         // fingerprint of the source video
  uint64_t crop = 0;          // window and first frame of the sequence in it
  uint64_t augmentation = 0;  // flips, transpose
  uint32_t frame = 0;         // number of the frame in its video
  uint32_t branch = 0;        // place in Model::States()

  auto operator<=>(const StateKey&) const = default;
};

/// When a state was made. `lineage` changes whenever weights come from elsewhere than the step
/// before (a restart from a checkpoint): steps of two lineages cannot be compared.
struct Version {
  uint64_t lineage = 0;
  uint64_t step = 0;

  auto operator<=>(const Version&) const = default;
};

/// What a reader accepts: states of its lineage made at most `staleness_steps_max` steps before
/// `step`, never after it. A negative maximum accepts any age.
struct Rule {
  uint64_t lineage = 0;
  uint64_t step = 0;
  int64_t staleness_steps_max = -1;

  bool Accepts(const Version& version) const {
    if (version.lineage != lineage || version.step > step) return false;
    return staleness_steps_max < 0 ||
           step - version.step <= static_cast<uint64_t>(staleness_steps_max);
  }
};

}  // namespace lrti::hidden_state
