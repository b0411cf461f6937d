"""The recurrence that PSRT, IIAB and LRTI-VSR share: four branches in a chain."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from eager.layers import TailNetwork, count_names, flow_between, flow_warp, neighbour_flows, patch_warp, sweep
from eager.spynet import Spynet

BRANCHES = ("backward_1", "forward_1", "backward_2", "forward_2")


def imaged(conv, tokens):
    """Frames [B, F, H, W, D] through a convolution."""
    images = conv(tokens.flatten(0, 1).permute(0, 3, 1, 2).contiguous())
    return images.permute(0, 2, 3, 1).unflatten(0, tokens.shape[:2])


class Named(nn.Module):
    """Modules under the names that public parameters have."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


class Branch(nn.Module):
    """A branch's network at one frame; `block` makes a block of so many heads, shifted or not."""

    def __init__(self, block, width, depths, heads, mid_channels, idle):
        super().__init__()
        self.checkpointing = False
        if "conv_first" in idle:
            self.conv_first = nn.Conv2d(3, width, 3, padding=1)
            self.conv_first_feat = nn.Conv2d(mid_channels, width, 3, padding=1)
        if "conv_before_upsample" in idle:
            self.conv_before_upsample = nn.Conv2d(width, mid_channels, 3, padding=1)
        self.patch_embed = Named(norm=nn.LayerNorm(width))
        self.layers = nn.ModuleList(
            Named(residual_group=Named(blocks=nn.ModuleList(block(of_heads, j % 2 == 1) for j in range(depth))),
                  conv=nn.Conv2d(width, width, 3, padding=1))
            for depth, of_heads in zip(depths, heads))
        self.norm = nn.LayerNorm(width)
        self.conv_after_body = nn.Conv2d(width, width, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def embedded(self, stack):
        """Three frames [B, D, H, W] as normalised tokens [B, 3, H, W, D]."""
        return self.patch_embed.norm(torch.stack(stack, 1).permute(0, 1, 3, 4, 2).contiguous())

    def computed(self, block, *tokens):
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, *tokens, use_reentrant=False)
        return block(*tokens)

    def finished(self, tokens, current):
        """tokens [B, H, W, D] of the frame, and its feature as it came in."""
        return self.conv_after_body(self.norm(tokens).permute(0, 3, 1, 2).contiguous()) + current


class RecurrentSwin(TailNetwork):
    """A subclass says how a branch is made and how states stack up."""

    def __init__(self, make_branch, width, mid_channels, tail_channels, window):
        super().__init__()
        self.window = window
        self.conv_before_upsample = nn.Conv2d(width, mid_channels, 3, padding=1)
        self.spynet = Spynet()
        self.conv_first = nn.Conv2d(3, width, 3, padding=1)
        self.patch_align = nn.ModuleDict({name: make_branch() for name in BRANCHES})
        self.add_tail(mid_channels, tail_channels)

    @classmethod
    def options_of(cls, weights):
        prefix = "patch_align.forward_1.layers."
        groups = count_names(weights, prefix, ".conv.weight")
        table = "residual_group.blocks.0.attn.relative_position_bias_table"
        distances = weights[f"{prefix}0.{table}"].size(0) // cls.TIME_DISTANCES
        return {"embed_dim": weights["conv_first.weight"].size(0),
                "depths": [count_names(weights, f"{prefix}{i}.residual_group.", "norm1.weight")
                           for i in range(groups)],
                "heads": [weights[f"{prefix}{i}.{table}"].size(1) for i in range(groups)],
                "window": (round(distances**0.5) + 1) // 2,
                "mid_channels": weights["conv_before_upsample.weight"].size(0),
                "tail_channels": weights["conv_hr.weight"].size(0)}

    def checkpoint_blocks(self):
        """Computes the inner values of blocks again in the backward pass."""
        for branch in self.patch_align.values():
            branch.checkpointing = True

    def stack(self, current, near, far):
        """The three frames that a branch sees; near and far are aligned, None where there is none."""
        raise NotImplementedError

    def forward(self, frames):
        # Sampling the nearest pixel hands no gradient to the flow: the public code backpropagates zeros
        # through the flow net, which changes nothing but the time it takes. Left out here.
        with torch.no_grad():
            flows = neighbour_flows(self.spynet, frames)
        features = [self.conv_first(frame) for frame in frames.unbind(1)]
        for name in BRANCHES:
            features = self.propagated(name, features, flows)
        return torch.stack([self.picture(self.conv_before_upsample(feature), frame)
                            for feature, frame in zip(features, frames.unbind(1))], 1)

    def propagated(self, name, features, flows):
        step = -1 if name.startswith("backward") else 1
        states = {}
        for t in sweep(len(features), step < 0):
            near = far = None
            if t - step in states:
                flow = flow_between(flows, t, step)
                near = patch_warp(states[t - step], flow, self.window)
            if t - 2 * step in states:
                flow_2 = flow + flow_warp(flow_between(flows, t - step, step), flow)
                far = patch_warp(states[t - 2 * step], flow_2, self.window)
            states[t] = self.patch_align[name](self.stack(features[t], near, far))
        return [states[t] for t in sorted(states)]
