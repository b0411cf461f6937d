#include "nn/blocks/windows.h"

#include <torch/torch.h>

namespace lrti::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kMasked = -100;

int64_t RoundedUp(int64_t size, int64_t multiple) {
  return (size + multiple - 1) / multiple * multiple;
}

// Rows [R, C] of each of n images in another order, the same for all.
at::Tensor Reordered(const at::Tensor& images, const at::Tensor& order) {
  const int64_t n = images.size(0);
  const int64_t rows = images.size(1);
  const at::Tensor first = at::arange(n, order.options()).mul_(rows).unsqueeze(1);
  return images.reshape({n * rows, -1})
      .index_select(0, n == 1 ? order : (first + order).flatten())
      .view(images.sizes());
}

// LibTorch's own index_select adds gradients up, row by row; here each row has one place to go.
class Reorder : public torch::autograd::Function<Reorder> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& images,
                            const at::Tensor& order, const at::Tensor& back) {
    context->save_for_backward({back});
    return Reordered(images, order);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {Reordered(gradients[0], context->get_saved_variables()[0]), {}, {}};
  }
};

}  // namespace

Windows::Windows(int64_t batch, int64_t height, int64_t width, int64_t window,
                 const at::TensorOptions& options)
    : batch_(batch),
      height_(height),
      width_(width),
      window_(window),
      rows_(RoundedUp(height, window)),
      columns_(RoundedUp(width, window)) {
  const at::Tensor pixels =
      at::arange(rows_ * columns_, options.dtype(at::kLong)).view({rows_, columns_});
  const int64_t shift = window / 2;
  plain_ = OrderOf(pixels);
  shifted_ = OrderOf(pixels.roll({-shift, -shift}, {0, 1}));
  mask_ = RegionMask(options);
}

// [rows, columns] to [windows, P].
at::Tensor Windows::ByWindow(const at::Tensor& grid) const {
  return grid.view({rows_ / window_, window_, columns_ / window_, window_})
      .transpose(1, 2)
      .reshape({-1, window_ * window_});
}

Windows::Order Windows::OrderOf(const at::Tensor& pixels) const {
  const at::Tensor by_window = ByWindow(pixels);
  const at::Tensor order = by_window.flatten();
  const at::Tensor outside =
      (by_window.floor_divide(columns_) >= height_).logical_or_(by_window % columns_ >= width_);
  return {order, order.argsort(), outside.unsqueeze(-1)};
}

// Shifted windows of the last row and column hold regions from opposite sides of the frame.
at::Tensor Windows::RegionMask(const at::TensorOptions& options) const {
  const int64_t shift = window_ / 2;
  at::Tensor region = at::zeros({rows_, columns_}, options);
  region.slice(0, rows_ - window_).add_(3);
  region.slice(0, rows_ - shift).add_(3);
  region.slice(1, columns_ - window_).add_(1);
  region.slice(1, columns_ - shift).add_(1);
  const at::Tensor of_tokens = ByWindow(region);
  return (of_tokens.unsqueeze(1) != of_tokens.unsqueeze(2))
      .to(options.dtype())
      .mul_(kMasked)
      .repeat({batch_, 1, 1});
}

at::Tensor Windows::Split(const at::Tensor& images, Arrangement to) const {
  TORCH_CHECK(images.dim() == 5 && images.size(1) == batch_ && images.size(2) == height_ &&
                  images.size(3) == width_,
              "Windows: expected images [F, ", batch_, ", ", height_, ", ", width_, ", C], got ",
              images.sizes());
  const int64_t frames = images.size(0);
  const int64_t channels = images.size(4);
  at::Tensor enlarged = images;
  if (rows_ > height_ || columns_ > width_) {
    enlarged = at::constant_pad_nd(images, {0, 0, 0, columns_ - width_, 0, rows_ - height_});
  }
  return Reorder::apply(enlarged.reshape({frames * batch_, rows_ * columns_, channels}),
                        In(to).pixels, In(to).tokens)
      .view({frames, -1, window_ * window_, channels});
}

at::Tensor Windows::Rearranged(const at::Tensor& windows, Arrangement from, Arrangement to) const {
  if (from == to) return windows;
  return Reorder::apply(windows.view({windows.size(0) * batch_, rows_ * columns_, windows.size(3)}),
                        In(from).tokens.index_select(0, In(to).pixels),
                        In(to).tokens.index_select(0, In(from).pixels))
      .view(windows.sizes());
}

at::Tensor Windows::Joined(const at::Tensor& windows, Arrangement from) const {
  const int64_t frames = windows.size(0);
  const int64_t channels = windows.size(3);
  return Reorder::apply(windows.view({frames * batch_, rows_ * columns_, channels}),
                        In(from).tokens, In(from).pixels)
      .view({frames, batch_, rows_, columns_, channels})
      .slice(2, 0, height_)
      .slice(3, 0, width_);
}

at::Tensor Windows::ZeroedOutside(const at::Tensor& windows, Arrangement arrangement) const {
  if (rows_ == height_ && columns_ == width_) return windows;
  return windows.view({windows.size(0), batch_, -1, windows.size(2), windows.size(3)})
      .masked_fill(In(arrangement).outside, 0)
      .view(windows.sizes());
}

at::Tensor Windows::OfSamples(const at::Tensor& numbers) const {
  return numbers.repeat_interleave(rows_ * columns_ / (window_ * window_)).view({-1, 1, 1});
}

at::Tensor Windows::Mask(Arrangement arrangement) const {
  return arrangement == Arrangement::kShifted ? mask_ : at::Tensor();
}

}  // namespace lrti::nn
