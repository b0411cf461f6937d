#include "nn/blocks/deform_sampling.h"

#include <ATen/Parallel.h>

#include <array>
#include <cmath>

namespace lrti::nn {
namespace {

constexpr int64_t kPixelsATask = 16;

/// A place between four pixels.
template <typename T>
struct Place {
  bool inside = false;
  std::array<int64_t, 4> pixel{};  // of the batch; -1 outside the image
  std::array<T, 4> weight{};
  T down = 0;   // of the place below the upper pixels, 0..1
  T right = 0;  // of the place beyond the left ones
};

template <typename T>
Place<T> PlaceOf(const DeformShape& shape, int64_t pixel, int64_t tap, const T* offset) {
  const int64_t in_image = pixel % (shape.height * shape.width);
  const int64_t first = pixel - in_image;
  const T y = static_cast<T>(in_image / shape.width + tap / 3 - 1) + offset[0];
  const T x = static_cast<T>(in_image % shape.width + tap % 3 - 1) + offset[1];
  Place<T> place;
  place.inside =
      y > -1 && y < static_cast<T>(shape.height) && x > -1 && x < static_cast<T>(shape.width);
  if (!place.inside) return place;
  const auto top = static_cast<int64_t>(std::floor(y));
  const auto left = static_cast<int64_t>(std::floor(x));
  place.down = y - static_cast<T>(top);
  place.right = x - static_cast<T>(left);
  place.weight = {(1 - place.down) * (1 - place.right), (1 - place.down) * place.right,
                  place.down * (1 - place.right), place.down * place.right};
  for (size_t i = 0; i < 4; ++i) {
    const int64_t row = top + static_cast<int64_t>(i / 2);
    const int64_t column = left + static_cast<int64_t>(i % 2);
    const bool outside = row < 0 || row >= shape.height || column < 0 || column >= shape.width;
    place.pixel[i] = outside ? -1 : first + row * shape.width + column;
  }
  return place;
}

template <typename T>
T Dot(const T* a, const T* b, int64_t count) {
  T sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

template <typename T>
void DeformColumns(const DeformShape& shape, const PixelRun& run, const DeformInputs<T>& inputs,
                   T* columns) {
  const int64_t width = shape.channels / shape.groups;
  const int64_t places = shape.groups * kDeformTaps;
  at::parallel_for(run.begin, run.end, kPixelsATask, [&](int64_t begin, int64_t end) {
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      T* const row = columns + (pixel - run.begin) * kDeformTaps * shape.channels;
      for (int64_t i = 0; i < places; ++i) {
        const int64_t group = i / kDeformTaps;
        const int64_t tap = i % kDeformTaps;
        const T mask = inputs.mask[pixel * places + i];
        const Place<T> place = PlaceOf(shape, pixel, tap, inputs.offset + 2 * (pixel * places + i));
        T* const to = row + tap * shape.channels + group * width;
        for (int64_t c = 0; c < width; ++c) to[c] = 0;
        for (size_t corner = 0; corner < 4; ++corner) {
          if (!place.inside || place.pixel[corner] < 0) continue;
          const T weight = mask * place.weight[corner];
          const T* const from = inputs.x + place.pixel[corner] * shape.channels + group * width;
          for (int64_t c = 0; c < width; ++c) to[c] += weight * from[c];
        }
      }
    }
  });
}

template <typename T>
void DeformColumnsBackward(const DeformShape& shape, const PixelRun& run,
                           const DeformInputs<T>& inputs, const T* columns_gradient,
                           const DeformGradients<T>& gradients) {
  const int64_t width = shape.channels / shape.groups;
  const int64_t places = shape.groups * kDeformTaps;
  // A group's channels are one thread's: pixels of one group meet, those of two never do.
  at::parallel_for(0, shape.groups, 1, [&](int64_t group_begin, int64_t group_end) {
    for (int64_t pixel = run.begin; pixel < run.end; ++pixel) {
      const T* const row = columns_gradient + (pixel - run.begin) * kDeformTaps * shape.channels;
      for (int64_t i = group_begin * kDeformTaps; i < group_end * kDeformTaps; ++i) {
        const int64_t group = i / kDeformTaps;
        const int64_t tap = i % kDeformTaps;
        const int64_t at = pixel * places + i;
        const T mask = inputs.mask[at];
        const Place<T> place = PlaceOf(shape, pixel, tap, inputs.offset + 2 * at);
        const T* const gradient = row + tap * shape.channels + group * width;
        std::array<T, 4> dots{};  // of the gradient with each of the four pixels
        for (size_t corner = 0; corner < 4; ++corner) {
          if (!place.inside || place.pixel[corner] < 0) continue;
          const int64_t from = place.pixel[corner] * shape.channels + group * width;
          dots[corner] = Dot(gradient, inputs.x + from, width);
          const T weight = mask * place.weight[corner];
          T* const to = gradients.x + from;
          for (int64_t c = 0; c < width; ++c) to[c] += weight * gradient[c];
        }
        const auto& weight = place.weight;
        gradients.mask[at] =
            dots[0] * weight[0] + dots[1] * weight[1] + dots[2] * weight[2] + dots[3] * weight[3];
        gradients.offset[2 * at] =
            mask * ((dots[2] - dots[0]) * (1 - place.right) + (dots[3] - dots[1]) * place.right);
        gradients.offset[2 * at + 1] =
            mask * ((dots[1] - dots[0]) * (1 - place.down) + (dots[3] - dots[2]) * place.down);
      }
    }
  });
}

template void DeformColumns(const DeformShape&, const PixelRun&, const DeformInputs<float>&,
                            float*);
template void DeformColumns(const DeformShape&, const PixelRun&, const DeformInputs<double>&,
                            double*);
template void DeformColumnsBackward(const DeformShape&, const PixelRun&, const DeformInputs<float>&,
                                    const float*, const DeformGradients<float>&);
template void DeformColumnsBackward(const DeformShape&, const PixelRun&,
                                    const DeformInputs<double>&, const double*,
                                    const DeformGradients<double>&);

}  // namespace lrti::nn
