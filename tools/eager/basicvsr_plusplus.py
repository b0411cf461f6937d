"""BasicVSR++. Source: Chan et al., CVPR 2022, arXiv:2104.13371."""

import math

import torch
from torch import nn

from eager.deform import modulated_deform_conv
from eager.layers import (ConvResidualBlocks, TailNetwork, count_names, flow_between, flow_warp, neighbour_flows,
                          sweep)
from eager.spynet import Spynet

BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")


class DeformAlign(nn.Module):
    """Aligns two states by deformable convolution; offsets leave the flow by at most `reach` pixels."""

    def __init__(self, channels, groups, reach):
        super().__init__()
        self.reach = reach
        bound = 1 / math.sqrt(2 * channels * 9)
        self.weight = nn.Parameter(torch.empty(channels, 2 * channels, 3, 3).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.conv_offset = nn.Sequential(
            nn.Conv2d(3 * channels + 4, channels, 3, padding=1), nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(channels, 27 * groups, 3, padding=1))
        nn.init.zeros_(self.conv_offset[6].weight)
        nn.init.zeros_(self.conv_offset[6].bias)

    def forward(self, states, condition, flow_1, flow_2):
        found = self.conv_offset(torch.cat([condition, flow_1, flow_2], 1))
        vertical, horizontal, mask = torch.chunk(found, 3, 1)
        offset = self.reach * torch.tanh(torch.cat([vertical, horizontal], 1))
        offset_1, offset_2 = torch.chunk(offset, 2, 1)
        offset_1 = offset_1 + flow_1.flip(1).repeat(1, offset_1.size(1) // 2, 1, 1)
        offset_2 = offset_2 + flow_2.flip(1).repeat(1, offset_2.size(1) // 2, 1, 1)
        return modulated_deform_conv(states, torch.cat([offset_1, offset_2], 1), torch.sigmoid(mask),
                                     self.weight, self.bias)


class BasicVsrPlusPlus(TailNetwork):
    def __init__(self, channels=64, blocks=7, tail_channels=64, offset_groups=16, offset_reach=10.0):
        super().__init__()
        self.channels = channels
        self.spynet = Spynet()
        self.feat_extract = ConvResidualBlocks(3, channels, 5)
        self.deform_align = nn.ModuleDict({name: DeformAlign(channels, offset_groups, offset_reach)
                                           for name in BRANCHES})
        self.backbone = nn.ModuleDict({name: ConvResidualBlocks((2 + i) * channels, channels, blocks)
                                       for i, name in enumerate(BRANCHES)})
        self.reconstruction = ConvResidualBlocks(5 * channels, channels, 5)
        self.add_tail(channels, tail_channels)

    @staticmethod
    def options_of(weights):
        return {"channels": weights["deform_align.forward_1.bias"].size(0),
                "blocks": count_names(weights, "backbone.forward_1.main.2.", "conv1.weight"),
                "tail_channels": weights["conv_hr.weight"].size(0),
                "offset_groups": weights["deform_align.forward_1.conv_offset.6.bias"].size(0) // 27}

    def forward(self, frames):
        count = frames.size(1)
        flows = neighbour_flows(self.spynet, frames)
        features = [list(self.feat_extract(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).unbind(1))]
        for name in BRANCHES:
            features.append(self.propagated(name, features, flows))
        return torch.stack([self.picture(self.reconstruction(torch.cat([of[t] for of in features], 1)), frames[:, t])
                            for t in range(count)], 1)

    def propagated(self, name, features, flows):
        """The branch's state at each frame; features: spatial ones, then those of the branches before."""
        step = -1 if name.startswith("backward") else 1
        states = {}
        for t in sweep(len(features[0]), step < 0):
            aligned = torch.zeros_like(features[0][t])
            if t - step in states:
                aligned = self.aligned(name, states, t, step, features[0][t], flows)
            trunk = torch.cat([of[t] for of in features] + [aligned], 1)
            states[t] = aligned + self.backbone[name](trunk)
        return [states[t] for t in sorted(states)]

    def aligned(self, name, states, t, step, spatial, flows):
        state_1, flow_1 = states[t - step], flow_between(flows, t, step)
        warped_1 = flow_warp(state_1, flow_1)
        state_2, flow_2 = torch.zeros_like(state_1), torch.zeros_like(flow_1)
        warped_2 = torch.zeros_like(warped_1)
        if t - 2 * step in states:
            state_2 = states[t - 2 * step]
            flow_2 = flow_1 + flow_warp(flow_between(flows, t - step, step), flow_1)
            warped_2 = flow_warp(state_2, flow_2)
        condition = torch.cat([warped_1, spatial, warped_2], 1)
        return self.deform_align[name](torch.cat([state_1, state_2], 1), condition, flow_1, flow_2)
