#include "nn/blocks/deform_conv.h"

#include <torch/torch.h>

#include <algorithm>

#include "nn/blocks/deform_sampling.h"

namespace lrti::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kImagePixelsMax = int64_t{1} << 24;  // that fp32 can count
constexpr int64_t kColumnElements = int64_t{1} << 20;  // 4 MiB of fp32

// [B, C, H, W] to [pixels, C], dense.
at::Tensor Rows(const at::Tensor& image) {
  return image.permute({0, 2, 3, 1}).reshape({-1, image.size(1)}).contiguous();
}

at::Tensor Image(const at::Tensor& rows, const at::Tensor& like) {
  return rows.view({like.size(0), like.size(2), like.size(3), rows.size(1)}).permute({0, 3, 1, 2});
}

// [O, C, 3, 3] to [9 C, O], in the order of columns.
at::Tensor Matrix(const at::Tensor& weight) {
  return weight.permute({2, 3, 1, 0}).reshape({-1, weight.size(0)});
}

int64_t PixelsAtATime(const at::Tensor& x) {
  return std::max<int64_t>(kColumnElements / (kDeformTaps * x.size(1)), 1);
}

template <typename T>
DeformInputs<T> InputsOf(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& mask) {
  return {x.const_data_ptr<T>(), offset.const_data_ptr<T>(), mask.const_data_ptr<T>()};
}

/// Runs over the pixels of `x` in pieces, each with room for its columns.
template <typename Use>
void InPieces(const at::Tensor& x, const Use& use) {
  const int64_t pixels = x.size(0) * x.size(2) * x.size(3);
  const int64_t step = std::min(PixelsAtATime(x), pixels);
  const at::Tensor room = at::empty({step, kDeformTaps * x.size(1)}, x.options());
  for (int64_t begin = 0; begin < pixels; begin += step) {
    const int64_t count = std::min(step, pixels - begin);
    use(PixelRun{begin, begin + count}, room.narrow(0, 0, count));
  }
}

DeformShape ShapeOf(const at::Tensor& x, const at::Tensor& mask) {
  return {x.size(2), x.size(3), x.size(1), mask.size(1) / kDeformTaps};
}

// Rows of its inputs, of one type.
class CpuDeformConv : public torch::autograd::Function<CpuDeformConv> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& offset,
                            const at::Tensor& mask, const at::Tensor& weight,
                            const at::Tensor& bias) {
    context->save_for_backward({x, offset, mask, weight});
    const at::Tensor x_rows = Rows(x);
    const at::Tensor offset_rows = Rows(offset);
    const at::Tensor mask_rows = Rows(mask);
    const at::Tensor matrix = Matrix(weight);
    at::Tensor output = at::empty({x_rows.size(0), weight.size(0)}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "DeformConv", [&] {
      const auto inputs = InputsOf<scalar_t>(x_rows, offset_rows, mask_rows);
      InPieces(x, [&](const PixelRun& run, const at::Tensor& columns) {
        DeformColumns(ShapeOf(x, mask), run, inputs, columns.mutable_data_ptr<scalar_t>());
        at::Tensor piece = output.narrow(0, run.begin, run.end - run.begin);
        at::addmm_out(piece, bias, columns, matrix);
      });
    });
    return Image(output, x);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "DeformConv has no second derivative");
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& offset = saved[1];
    const at::Tensor& mask = saved[2];
    const at::Tensor& weight = saved[3];
    const at::Tensor output_gradient = Rows(gradients[0]);
    const at::Tensor x_rows = Rows(x);
    const at::Tensor offset_rows = Rows(offset);
    const at::Tensor mask_rows = Rows(mask);
    const at::Tensor transposed = Matrix(weight).t().contiguous();
    const at::Tensor x_gradient = at::zeros_like(x_rows);
    const at::Tensor offset_gradient = at::empty_like(offset_rows);
    const at::Tensor mask_gradient = at::empty_like(mask_rows);
    at::Tensor matrix_gradient = at::zeros({transposed.size(1), transposed.size(0)}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "DeformConv", [&] {
      const auto inputs = InputsOf<scalar_t>(x_rows, offset_rows, mask_rows);
      const DeformGradients<scalar_t> into{x_gradient.mutable_data_ptr<scalar_t>(),
                                           offset_gradient.mutable_data_ptr<scalar_t>(),
                                           mask_gradient.mutable_data_ptr<scalar_t>()};
      InPieces(x, [&](const PixelRun& run, at::Tensor columns) {
        const at::Tensor piece = output_gradient.narrow(0, run.begin, run.end - run.begin);
        at::mm_out(columns, piece, transposed);
        DeformColumnsBackward(ShapeOf(x, mask), run, inputs, into,
                              columns.mutable_data_ptr<scalar_t>());
        matrix_gradient.addmm_(columns.t(), piece);
      });
    });
    const at::Tensor weight_gradient =
        matrix_gradient.view({3, 3, x.size(1), weight.size(0)}).permute({3, 2, 0, 1});
    return {Image(x_gradient, x), Image(offset_gradient, x), Image(mask_gradient, x),
            weight_gradient.contiguous(), output_gradient.sum(0)};
  }
};

void Check(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& mask,
           const at::Tensor& weight, const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 4, "DeformConv: expected x [B, C, H, W], got ", x.sizes());
  TORCH_CHECK(x.size(2) * x.size(3) <= kImagePixelsMax, "DeformConv: an image of ", x.size(2), "x",
              x.size(3), " has more than ", kImagePixelsMax, " pixels");
  const auto like_x = [&](const at::Tensor& t, int64_t channels) {
    return t.dim() == 4 && t.size(0) == x.size(0) && t.size(1) == channels &&
           t.size(2) == x.size(2) && t.size(3) == x.size(3);
  };
  const int64_t groups = mask.dim() == 4 ? mask.size(1) / kDeformTaps : 0;
  TORCH_CHECK(groups > 0 && like_x(mask, groups * kDeformTaps) && x.size(1) % groups == 0,
              "DeformConv: expected mask [", x.size(0), ", 9 groups, ", x.size(2), ", ", x.size(3),
              "] with groups that divide ", x.size(1), " channels, got ", mask.sizes());
  TORCH_CHECK(like_x(offset, 2 * groups * kDeformTaps), "DeformConv: expected offset [", x.size(0),
              ", ", 2 * groups * kDeformTaps, ", ", x.size(2), ", ", x.size(3), "], got ",
              offset.sizes());
  TORCH_CHECK(weight.dim() == 4 && weight.size(1) == x.size(1) && weight.size(2) == 3 &&
                  weight.size(3) == 3,
              "DeformConv: expected weight [O, ", x.size(1), ", 3, 3], got ", weight.sizes());
  TORCH_CHECK(bias.dim() == 1 && bias.size(0) == weight.size(0), "DeformConv: expected bias [",
              weight.size(0), "], got ", bias.sizes());
}

// What all four taps around a place find: values [B, G, C/G, 9 pixels].
at::Tensor Bilinear(const at::Tensor& x, const at::Tensor& row, const at::Tensor& column,
                    int64_t height, int64_t width) {
  const at::Tensor top = row.detach().floor();
  const at::Tensor left = column.detach().floor();
  const at::Tensor down = row - top;
  const at::Tensor right = column - left;
  at::Tensor sum;
  for (int corner = 0; corner < 4; ++corner) {
    const bool below = corner / 2 == 1;
    const bool beyond = corner % 2 == 1;
    const at::Tensor y = top + static_cast<double>(below);
    const at::Tensor x_place = left + static_cast<double>(beyond);
    const at::Tensor inside =
        (y >= 0).logical_and(y < height).logical_and(x_place >= 0).logical_and(x_place < width);
    const at::Tensor index = (y * static_cast<double>(width) + x_place)
                                 .masked_fill(inside.logical_not(), 0)
                                 .to(at::kLong)
                                 .unsqueeze(2)
                                 .expand({-1, -1, x.size(2), -1});
    const at::Tensor weight = (below ? down : 1 - down) * (beyond ? right : 1 - right);
    const at::Tensor found =
        x.gather(3, index) * weight.masked_fill(inside.logical_not(), 0).unsqueeze(2);
    sum = sum.defined() ? sum + found : found;
  }
  return sum;
}

}  // namespace

at::Tensor DeformConv(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& mask,
                      const at::Tensor& weight, const at::Tensor& bias) {
  Check(x, offset, mask, weight, bias);
  at::ScalarType wide = at::kFloat;
  for (const at::Tensor& input : {x, offset, mask, weight, bias}) {
    wide = at::promote_types(wide, input.scalar_type());
  }
  const auto conv = [](auto&&... inputs) { return CpuDeformConv::apply(inputs...); };
  const auto plain = [](auto&&... inputs) { return PlainDeformConv(inputs...); };
  const auto run = [&](const auto& op) {
    return op(x.to(wide), offset.to(wide), mask.to(wide), weight.to(wide), bias.to(wide));
  };
  return (x.is_cpu() ? run(conv) : run(plain)).to(x.scalar_type());
}

at::Tensor PlainDeformConv(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& mask,
                           const at::Tensor& weight, const at::Tensor& bias) {
  Check(x, offset, mask, weight, bias);
  const int64_t batch = x.size(0);
  const int64_t height = x.size(2);
  const int64_t width = x.size(3);
  const int64_t groups = mask.size(1) / kDeformTaps;
  const at::Tensor motion = offset.view({batch, groups, kDeformTaps, 2, height, width});
  const auto axis = [&](int64_t size) { return at::arange(size, offset.options()); };
  const at::Tensor row =
      axis(height).view({height, 1}) + axis(3).sub(1).repeat_interleave(3).view({9, 1, 1});
  const at::Tensor column = axis(width) + axis(3).sub(1).repeat({3}).view({9, 1, 1});
  const at::Tensor values = Bilinear(x.reshape({batch, groups, -1, height * width}),
                                     (row + motion.select(3, 0)).flatten(2),
                                     (column + motion.select(3, 1)).flatten(2), height, width);
  const at::Tensor nothing = motion.detach().sum(3).flatten(2).mul_(0);  // or not a number
  const at::Tensor columns =
      ((values + nothing.unsqueeze(2)) * mask.reshape({batch, groups, 1, -1}))
          .reshape({batch, -1, height * width});
  return (at::matmul(weight.flatten(1), columns) + bias.view({-1, 1}))
      .view({batch, -1, height, width});
}

}  // namespace lrti::nn
