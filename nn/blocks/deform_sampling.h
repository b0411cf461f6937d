#pragma once

#include <cstdint>

namespace lrti::nn {

/// The inner part of a modulated deformable 3x3 convolution (stride 1, padding 1), over plain
/// memory: what its weights are multiplied with.
///
/// Pixels p are rows y, columns x of an image, images of a batch in a row. Channels lie side by
/// side ("channels last"), in `groups` of equal width that look at places of their own:
///
///     columns[p][k][c] = mask[p][9g+k] * x(p + tap k + offset[p][9g+k]),   c of group g, bilinear
///
/// x [pixels][channels]; offset [pixels][9 groups][2], vertical first; mask [pixels][9 groups];
/// columns [pixels of a run][9][channels]. Taps k go by rows. Outside an image lie zeros; an
/// offset or a mask that is not a number gives what is none.
struct DeformShape {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t groups = 0;
};

inline constexpr int64_t kDeformTaps = 9;

/// A run of pixels, counted over all images.
struct PixelRun {
  int64_t begin = 0;
  int64_t end = 0;
};

template <typename T>
struct DeformInputs {
  const T* x = nullptr;
  const T* offset = nullptr;
  const T* mask = nullptr;
};

/// Where gradients go, each in the layout of its value. That of x is added to, since many pixels
/// look at one; the others are written for the pixels of the run.
template <typename T>
struct DeformGradients {
  T* x = nullptr;
  T* offset = nullptr;
  T* mask = nullptr;
};

/// Fills `columns` for the run. Uses the threads of LibTorch. T: float, double.
template <typename T>
void DeformColumns(const DeformShape& shape, const PixelRun& run, const DeformInputs<T>& inputs,
                   T* columns);

/// Sends the columns' gradient back. `columns` comes with that gradient and leaves with the
/// columns, which look at the same places. The same sums in the same order for any number of
/// threads.
template <typename T>
void DeformColumnsBackward(const DeformShape& shape, const PixelRun& run,
                           const DeformInputs<T>& inputs, const DeformGradients<T>& gradients,
                           T* columns);

}  // namespace lrti::nn
