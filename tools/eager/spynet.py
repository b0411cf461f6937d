"""SPyNet: optical flow from a pyramid of six levels. Source: Ranjan and Black, CVPR 2017."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from eager.layers import flow_warp


class SpynetLevel(nn.Module):
    def __init__(self):
        super().__init__()
        widths = (8, 32, 64, 32, 16, 2)
        layers = []
        for i, (before, after) in enumerate(zip(widths, widths[1:])):
            layers.append(nn.Conv2d(before, after, 7, padding=3))
            if i < 4:
                layers.append(nn.ReLU())
        self.basic_module = nn.Sequential(*layers)

    def forward(self, x):
        return self.basic_module(x)


class Spynet(nn.Module):
    def __init__(self):
        super().__init__()
        self.basic_module = nn.ModuleList(SpynetLevel() for _ in range(6))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def _pyramid(self, image):
        levels = [(image - self.mean) / self.std]
        for _ in range(5):
            levels.insert(0, F.avg_pool2d(levels[0], 2, 2, count_include_pad=False))
        return levels

    def forward(self, reference, support):
        height, width = reference.shape[2:]
        wide, high = 32 * math.ceil(width / 32), 32 * math.ceil(height / 32)
        if (high, wide) != (height, width):
            reference = F.interpolate(reference, (high, wide), mode="bilinear", align_corners=False)
            support = F.interpolate(support, (high, wide), mode="bilinear", align_corners=False)
        references, supports = self._pyramid(reference), self._pyramid(support)
        flow = references[0].new_zeros(references[0].size(0), 2, high // 32, wide // 32)
        for level, net in enumerate(self.basic_module):
            if level == 0:
                up = flow
            else:
                up = F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True) * 2.0
            warped = flow_warp(supports[level], up, padding_mode="border")
            flow = net(torch.cat([references[level], warped, up], 1)) + up
        flow = F.interpolate(flow, (height, width), mode="bilinear", align_corners=False)
        return flow * flow.new_tensor([width / wide, height / high]).view(1, 2, 1, 1)
