"""PSRT-recurrent. Source: Shi et al., NeurIPS 2022, arXiv:2207.08494."""

import functools

import torch

from eager.recurrent_swin import Branch, RecurrentSwin, imaged
from eager.swin import Mlp, SwinBlock, WindowAttention


class Mfsab(SwinBlock):
    """All three frames ask, and all are updated."""

    def __init__(self, width, window, heads, shifted):
        super().__init__(width, window, WindowAttention(width, heads, window, asking=3), shifted)
        self.mlp = Mlp(width)

    def forward(self, z):
        z = z + self.attended(z)
        return z + self.mlp(self.norm2(z))


class PsrtBranch(Branch):
    def forward(self, stack):
        z = self.embedded(stack)
        for group in self.layers:
            y = z
            for block in group.residual_group.blocks:
                y = self.computed(block, y)
            z = z + imaged(group.conv, y)
        return self.finished(z[:, 1], stack[1])


class Psrt(RecurrentSwin):
    TIME_DISTANCES = 5

    def __init__(self, embed_dim=120, depths=(6, 6, 6), heads=(6, 6, 6), window=8, mid_channels=64,
                 tail_channels=64):
        block = functools.partial(Mfsab, embed_dim, window)
        super().__init__(lambda: PsrtBranch(block, embed_dim, depths, heads, mid_channels,
                                            idle=("conv_first", "conv_before_upsample")),
                         embed_dim, mid_channels, tail_channels, window)

    def stack(self, current, near, far):
        if near is None:
            return [current, current, current]
        return [near, current, torch.zeros_like(near) if far is None else far]
