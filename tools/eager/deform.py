"""Modulated deformable convolution from torch's own functions.

The public code calls a compiled operator. The one of torchvision's wheel on PyPI is built for CUDA and does
not load beside a torch for CPUs alone, so this stands in for it: one grid_sample for all groups and taps, one
product with the weights.
"""

import torch
from torch.nn import functional as F


def modulated_deform_conv(x, offset, mask, weight, bias):
    """x [B, C, H, W] through `weight` [O, C, 3, 3], each tap of each group of channels read elsewhere.

    offset [B, 2 * 9 * groups, H, W]: of group g and tap k, row by row, channel 2 (9 g + k) is vertical, the
    next horizontal. mask [B, 9 * groups, H, W] weighs what is read; outside x are zeros.
    """
    batch, channels, height, width = x.shape
    groups = mask.size(1) // 9
    offset = offset.view(batch * groups, 9, 2, height, width)
    rows, columns = torch.meshgrid(torch.arange(height, device=x.device, dtype=x.dtype),
                                   torch.arange(width, device=x.device, dtype=x.dtype), indexing="ij")
    tap = torch.arange(9, device=x.device)
    tap_rows = (torch.div(tap, 3, rounding_mode="floor") - 1).to(x.dtype).view(9, 1, 1)
    tap_columns = (tap % 3 - 1).to(x.dtype).view(9, 1, 1)
    y_places = 2.0 * (offset[:, :, 0] + rows + tap_rows) / max(height - 1, 1) - 1.0
    x_places = 2.0 * (offset[:, :, 1] + columns + tap_columns) / max(width - 1, 1) - 1.0
    places = torch.stack((x_places, y_places), 4).view(batch * groups, 9 * height, width, 2)
    read = F.grid_sample(x.reshape(batch * groups, channels // groups, height, width), places,
                         mode="bilinear", padding_mode="zeros", align_corners=True)
    read = read.view(batch, groups, channels // groups, 9, height * width)
    read = (read * mask.view(batch, groups, 1, 9, height * width)).view(batch, channels * 9, height * width)
    output = torch.matmul(weight.flatten(1), read) + bias.view(1, -1, 1)
    return output.view(batch, -1, height, width)
