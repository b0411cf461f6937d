"""MIA-VSR without its mask (IIAB). Source: Zhou et al., CVPR 2024, arXiv:2401.06312."""

import functools

import torch

from eager.recurrent_swin import Branch, RecurrentSwin, imaged
from eager.swin import Mlp, SwinBlock, WindowAttention


class Iia(SwinBlock):
    """The current frame asks and is updated; the two aligned states only answer.

    As in the public code, each block normalises, shifts and projects all three frames, queries of the
    states included, which nobody reads.
    """

    def __init__(self, width, window, heads, shifted):
        super().__init__(width, window, WindowAttention(width, heads, window, asking=1), shifted)
        self.mlp = Mlp(width)

    def forward(self, x, states):
        """x [B, 1, H, W, D], states [B, 2, H, W, D], the further one first."""
        x = x + self.attended(torch.cat([states, x], 1))
        return x + self.mlp(self.norm2(x))


class IiabBranch(Branch):
    def forward(self, stack):
        z = self.embedded(stack)
        states, x = z[:, :2], z[:, 2:]
        for group in self.layers:
            y = x
            for block in group.residual_group.blocks:
                y = self.computed(block, y, states)
            x = x + imaged(group.conv, y)
        return self.finished(x[:, 0], stack[2])


class Iiab(RecurrentSwin):
    TIME_DISTANCES = 3
    BLOCK = Iia
    IDLE = ("conv_first", "conv_before_upsample")

    def __init__(self, embed_dim=120, depths=(6, 6, 6), heads=(6, 6, 6), window=8, mid_channels=64,
                 tail_channels=64):
        block = functools.partial(self.BLOCK, embed_dim, window)
        super().__init__(lambda: IiabBranch(block, embed_dim, depths, heads, mid_channels, self.IDLE),
                         embed_dim, mid_channels, tail_channels, window)

    def stack(self, current, near, far):
        if near is None:
            return [current, current, current]
        return [near if far is None else far, near, current]
