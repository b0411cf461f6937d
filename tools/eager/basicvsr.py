"""BasicVSR. Source: Chan et al., CVPR 2021."""

import torch
from torch import nn

from eager.layers import ConvResidualBlocks, TailNetwork, count_names, flow_warp, neighbour_flows
from eager.spynet import Spynet


class BasicVsr(TailNetwork):
    def __init__(self, channels=64, blocks=30, tail_channels=64):
        super().__init__()
        self.channels = channels
        self.spynet = Spynet()
        self.backward_trunk = ConvResidualBlocks(channels + 3, channels, blocks)
        self.forward_trunk = ConvResidualBlocks(channels + 3, channels, blocks)
        self.fusion = nn.Conv2d(2 * channels, channels, 1)
        self.add_tail(channels, tail_channels)

    @staticmethod
    def options_of(weights):
        return {"channels": weights["fusion.weight"].size(0),
                "blocks": count_names(weights, "forward_trunk.main.2.", "conv1.weight"),
                "tail_channels": weights["conv_hr.weight"].size(0)}

    def forward(self, frames):
        batch, count, _, height, width = frames.shape
        flows_forward, flows_backward = neighbour_flows(self.spynet, frames)

        kept = []
        state = frames.new_zeros(batch, self.channels, height, width)
        for i in range(count - 1, -1, -1):
            if i < count - 1:
                state = flow_warp(state, flows_backward[:, i])
            state = self.backward_trunk(torch.cat([frames[:, i], state], 1))
            kept.insert(0, state)

        outputs = []
        state = torch.zeros_like(state)
        for i in range(count):
            frame = frames[:, i]
            if i > 0:
                state = flow_warp(state, flows_forward[:, i - 1])
            state = self.forward_trunk(torch.cat([frame, state], 1))
            outputs.append(self.picture(self.lrelu(self.fusion(torch.cat([kept[i], state], 1))), frame))
        return torch.stack(outputs, 1)
