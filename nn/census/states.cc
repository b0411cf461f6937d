#include "nn/census/states.h"

namespace lrti::nn {

std::array<int64_t, 3> StateShape(const StateSpec& spec, int64_t height, int64_t width) {
  const int64_t scale = spec.grid == Grid::kHr ? 4 : 1;
  return {spec.channels, scale * height, scale * width};
}

int64_t StateNumbers(const StateSpec& spec, int64_t height, int64_t width) {
  const auto [channels, rows, columns] = StateShape(spec, height, width);
  return channels * rows * columns;
}

ClipStates StatesOfClip(const std::vector<StateSpec>& specs, int64_t height, int64_t width) {
  ClipStates states;
  for (const StateSpec& spec : specs) {
    states.tensors += spec.order;
    states.numbers += spec.order * StateNumbers(spec, height, width);
  }
  return states;
}

}  // namespace lrti::nn
