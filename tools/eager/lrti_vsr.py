"""LRTI-VSR (RITB), built upon IIAB's code; the authors published none of their own.

What the paper leaves open is as by default in spec.model (docs/configuration.md).
"""

import torch
from torch import nn

from eager.iiab import Iiab
from eager.swin import SwinBlock, WindowAttention


class SquaredReluAttention(WindowAttention):
    def weights(self, scores):
        return torch.relu(scores) ** 2


class Rgu(nn.Module):
    """Feed-forward unit gated by the aligned state."""

    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x, state):
        return self.fc2(torch.relu(self.fc1(x)) ** 2 * self.fc1(state))


class Ritb(SwinBlock):
    def __init__(self, width, window, heads, shifted):
        super().__init__(width, window, SquaredReluAttention(width, heads, window, asking=1), shifted)
        self.mlp = Rgu(width)

    def forward(self, x, states):
        x = x + self.attended(torch.cat([states, x], 1))
        return x + self.mlp(self.norm2(x), self.norm2(states[:, 1:]))


class LrtiVsr(Iiab):
    BLOCK = Ritb
    IDLE = ("conv_before_upsample",)
