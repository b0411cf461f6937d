#pragma once

#include <ATen/core/Tensor.h>

namespace lrti::nn {

/// Modulated deformable convolution, 3x3, stride 1, padding 1: each tap k of each group g of input
/// channels looks beside its place, and weighs what it finds there:
///
///     y(p) = bias + sum_k weight_k * mask_gk(p) x_g(p + tap k + offset_gk(p)),   bilinear
///
/// Shapes  x: [B, C, H, W]; offset: [B, 18 G, H, W], channel 2(9g+k) vertical, the next one
///         horizontal, in pixels; mask: [B, 9 G, H, W]; weight: [O, C, 3, 3]; bias: [O].
///         Group g is channels [g C/G, (g+1) C/G). Returns [B, O, H, W], channels last in memory.
/// Types   computes in the widest of its inputs' types, in fp32 at least; answers in x's.
/// Memory  columns, nine times the size of x, are made in pieces that fit a cache, and once more in
///         the backward pass. Elsewhere than on a CPU it is PlainDeformConv.
/// Errors  c10::Error where a shape does not fit; for a second derivative.
/// Source  Deformable ConvNets v2, Zhu et al., CVPR 2019, arXiv:1811.11168, Eq. 1.
at::Tensor DeformConv(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& mask,
                      const at::Tensor& weight, const at::Tensor& bias);

/// The same of LibTorch's own operations, on any device: the reference of tests. Keeps all columns.
at::Tensor PlainDeformConv(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& mask,
                           const at::Tensor& weight, const at::Tensor& bias);

}  // namespace lrti::nn
