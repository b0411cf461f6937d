#include "nn/blocks/deform_sampling.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

namespace lrti::nn {
namespace {

constexpr int64_t kPixelsATask = 16;

/// A pixel by its place in its image.
struct Spot {
  int64_t image = 0;  // the image's first pixel
  int64_t row = 0;
  int64_t column = 0;
};

Spot SpotOf(const DeformShape& shape, int64_t pixel) {
  const int64_t in_image = pixel % (shape.height * shape.width);
  return {pixel - in_image, in_image / shape.width, in_image % shape.width};
}

Spot Next(const DeformShape& shape, Spot spot) {
  if (++spot.column < shape.width) return spot;
  spot.column = 0;
  if (++spot.row < shape.height) return spot;
  return {spot.image + shape.height * shape.width, 0, 0};
}

/// Four pixels around a place, by rows. Those outside the image are replaced by its nearest pixels
/// and weigh nothing, so that loops over channels need no branches.
template <typename T>
struct Corners {
  std::array<int32_t, 4> pixel;  // of the image
  T upper, lower;                // weights of the two rows
  T before, after;               // and of the two columns; a pixel's is the product
  T there_above, there_below, there_left, there_right;  // 1; 0 for what is outside

  std::array<T, 4> Weights() const {
    return {upper * before, upper * after, lower * before, lower * after};
  }
};

/// False for a place that touches no pixel, or is not a number.
template <typename T>
[[gnu::always_inline]] inline bool Find(int32_t height, int32_t width, T y, T x,
                                        Corners<T>& corners) {
  if (!(y > -1 && y < static_cast<T>(height) && x > -1 && x < static_cast<T>(width))) return false;
  int32_t top = static_cast<int32_t>(y + 1) - 1;  // y + 1 > 0: the cast rounds down
  int32_t left = static_cast<int32_t>(x + 1) - 1;
  int32_t below = top + 1;
  int32_t beyond = left + 1;
  const T down = y - static_cast<T>(top);
  const T right = x - static_cast<T>(left);
  corners.there_above = corners.there_below = corners.there_left = corners.there_right = 1;
  if (top < 0) top = 0, corners.there_above = 0;
  if (left < 0) left = 0, corners.there_left = 0;
  if (below >= height) below = height - 1, corners.there_below = 0;
  if (beyond >= width) beyond = width - 1, corners.there_right = 0;
  corners.upper = (1 - down) * corners.there_above;
  corners.lower = down * corners.there_below;
  corners.before = (1 - right) * corners.there_left;
  corners.after = right * corners.there_right;
  corners.pixel = {top * width + left, top * width + beyond, below * width + left,
                   below * width + beyond};
  return true;
}

/// Calls use(lanes, channel) over `count` channels, the most of them in lanes of four: a constant
/// with which compilers use vectors.
template <typename Use>
[[gnu::always_inline]] inline void OverChannels(int64_t count, const Use& use) {
  constexpr std::integral_constant<int64_t, 4> kFour;
  constexpr std::integral_constant<int64_t, 1> kOne;
  int64_t c = 0;
  for (; c + kFour <= count; c += kFour) use(kFour, c);
  for (; c < count; ++c) use(kOne, c);
}

/// to = sum of the four pixels' channels by weight.
template <typename T>
[[gnu::always_inline]] inline void Blend(const std::array<T, 4>& weight,
                                         const std::array<const T*, 4>& from, T* __restrict to,
                                         int64_t count) {
  OverChannels(count, [&](auto lanes, int64_t c) {
    for (int64_t l = c; l < c + lanes; ++l) {
      to[l] = weight[0] * from[0][l] + weight[1] * from[1][l] + weight[2] * from[2][l] +
              weight[3] * from[3][l];
    }
  });
}

/// Adds `scale` * gradient to a pixel; returns the gradient's product with the pixel's value.
template <typename T>
[[gnu::always_inline]] inline T Spread(T scale, const T* __restrict gradient,
                                       const T* __restrict value, T* __restrict to, int64_t count) {
  std::array<T, 4> sums{};
  OverChannels(count, [&](auto lanes, int64_t c) {
    for (int64_t l = 0; l < lanes; ++l) {
      to[c + l] += scale * gradient[c + l];
      sums[static_cast<size_t>(l)] += gradient[c + l] * value[c + l];
    }
  });
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

template <typename T>
void DeformColumns(const DeformShape& shape, const PixelRun& run, const DeformInputs<T>& inputs,
                   T* columns) {
  const auto height = static_cast<int32_t>(shape.height);
  const auto image_width = static_cast<int32_t>(shape.width);
  const int64_t width = shape.channels / shape.groups;
  const int64_t places = shape.groups * kDeformTaps;
  at::parallel_for(run.begin, run.end, kPixelsATask, [&](int64_t begin, int64_t end) {
    Spot spot = SpotOf(shape, begin);
    for (int64_t pixel = begin; pixel < end; ++pixel, spot = Next(shape, spot)) {
      const T* const image = inputs.x + spot.image * shape.channels;
      const T* offset = inputs.offset + 2 * pixel * places;
      const T* mask = inputs.mask + pixel * places;
      T* const row = columns + (pixel - run.begin) * kDeformTaps * shape.channels;
      for (int64_t group = 0; group < shape.groups; ++group) {
        const T* const channels = image + group * width;
        T* to = row + group * width;
        for (int64_t tap = 0; tap < kDeformTaps; ++tap) {
          const T y = static_cast<T>(spot.row + tap / 3 - 1) + offset[0];
          const T x = static_cast<T>(spot.column + tap % 3 - 1) + offset[1];
          Corners<T> corners;
          if (Find(height, image_width, y, x, corners)) {
            std::array<T, 4> weight = corners.Weights();
            std::array<const T*, 4> from;
            for (size_t i = 0; i < 4; ++i) {
              weight[i] *= *mask;
              from[i] = channels + corners.pixel[i] * shape.channels;
            }
            Blend(weight, from, to, width);
          } else {  // zero, unless something is not a number
            std::fill(to, to + width, T{0} * (*mask + offset[0] + offset[1]));
          }
          to += shape.channels;
          offset += 2;
          ++mask;
        }
      }
    }
  });
}

template <typename T>
void DeformColumnsBackward(const DeformShape& shape, const PixelRun& run,
                           const DeformInputs<T>& inputs, const DeformGradients<T>& gradients,
                           T* columns) {
  const auto height = static_cast<int32_t>(shape.height);
  const auto image_width = static_cast<int32_t>(shape.width);
  const int64_t width = shape.channels / shape.groups;
  const int64_t places = shape.groups * kDeformTaps;
  // A group's channels are one thread's: pixels of one group meet, those of two never do.
  at::parallel_for(0, shape.groups, 1, [&](int64_t group_begin, int64_t group_end) {
    Spot spot = SpotOf(shape, run.begin);
    for (int64_t pixel = run.begin; pixel < run.end; ++pixel, spot = Next(shape, spot)) {
      T* const row = columns + (pixel - run.begin) * kDeformTaps * shape.channels;
      for (int64_t group = group_begin; group < group_end; ++group) {
        const int64_t channels = spot.image * shape.channels + group * width;
        for (int64_t tap = 0; tap < kDeformTaps; ++tap) {
          const int64_t at = pixel * places + group * kDeformTaps + tap;
          const T y = static_cast<T>(spot.row + tap / 3 - 1) + inputs.offset[2 * at];
          const T x = static_cast<T>(spot.column + tap % 3 - 1) + inputs.offset[2 * at + 1];
          T* const column = row + tap * shape.channels + group * width;
          Corners<T> corners;
          if (!Find(height, image_width, y, x, corners)) {
            std::fill(column, column + width, T{0});
            gradients.mask[at] = gradients.offset[2 * at] = gradients.offset[2 * at + 1] = 0;
            continue;
          }
          const T mask = inputs.mask[at];
          std::array<T, 4> weight = corners.Weights();
          std::array<T, 4> dots;  // of the gradient with each of the four pixels
          std::array<const T*, 4> from;
          for (size_t i = 0; i < 4; ++i) {
            const int64_t place = channels + corners.pixel[i] * shape.channels;
            from[i] = inputs.x + place;
            weight[i] *= mask;
            dots[i] = Spread(weight[i], column, from[i], gradients.x + place, width);
          }
          Blend(weight, from, column, width);
          // By columns within the upper and the lower row; by rows within the left and the right.
          const T above = corners.before * dots[0] + corners.after * dots[1];
          const T below = corners.before * dots[2] + corners.after * dots[3];
          const T left = corners.upper * dots[0] + corners.lower * dots[2];
          const T right = corners.upper * dots[1] + corners.lower * dots[3];
          gradients.mask[at] = corners.upper * above + corners.lower * below;
          gradients.offset[2 * at] =
              mask * (corners.there_below * below - corners.there_above * above);
          gradients.offset[2 * at + 1] =
              mask * (corners.there_right * right - corners.there_left * left);
        }
      }
    }
  });
}

template void DeformColumns(const DeformShape&, const PixelRun&, const DeformInputs<float>&,
                            float*);
template void DeformColumns(const DeformShape&, const PixelRun&, const DeformInputs<double>&,
                            double*);
template void DeformColumnsBackward(const DeformShape&, const PixelRun&, const DeformInputs<float>&,
                                    const DeformGradients<float>&, float*);
template void DeformColumnsBackward(const DeformShape&, const PixelRun&,
                                    const DeformInputs<double>&, const DeformGradients<double>&,
                                    double*);

}  // namespace lrti::nn
