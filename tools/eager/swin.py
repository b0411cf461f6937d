"""Attention in windows over three frames. Source: Swin, Liu et al., ICCV 2021, arXiv:2103.14030."""

import functools

import torch
from torch import nn
from torch.nn import functional as F

FRAMES = 3


def partitioned(images, window):
    """[B, F, H, W, D] to windows [B H/window W/window, F window^2, D], frame by frame, row by row."""
    batch, frames, height, width, channels = images.shape
    images = images.view(batch, frames, height // window, window, width // window, window, channels)
    return images.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, frames * window * window, channels)


def joined(windows, window, frames, height, width):
    """The way back."""
    channels = windows.size(2)
    windows = windows.view(-1, height // window, width // window, frames, window, window, channels)
    return windows.permute(0, 3, 1, 4, 2, 5, 6).reshape(-1, frames, height, width, channels)


@functools.lru_cache(maxsize=8)
def shift_mask(height, width, window, dtype):
    """[windows, 3 P, 3 P]: -100 between tokens that shifting brings together from opposite sides."""
    region = torch.zeros(height, width, dtype=dtype)
    for of_rows, rows in enumerate((slice(-window), slice(-window, -(window // 2)), slice(-(window // 2), None))):
        for of_columns, columns in enumerate((slice(-window), slice(-window, -(window // 2)),
                                              slice(-(window // 2), None))):
            region[rows, columns] = 3 * of_rows + of_columns
    tokens = partitioned(region.view(1, 1, height, width, 1).repeat(1, FRAMES, 1, 1, 1), window).squeeze(-1)
    return (tokens.unsqueeze(1) != tokens.unsqueeze(2)).to(dtype) * -100.0


def relative_index(window, asking):
    """Row of the bias table for each query of the last `asking` frames and each key, [asking P, 3 P]."""
    times, rows, columns = (axis.flatten() for axis in torch.meshgrid(
        torch.arange(FRAMES), torch.arange(window), torch.arange(window), indexing="ij"))
    first = (FRAMES - asking) * window * window
    far = window - 1
    side = 2 * window - 1

    def distance(axis):
        return axis[first:].unsqueeze(1) - axis.unsqueeze(0)

    time = distance(times) + asking - 1
    return (time * side + distance(rows) + far) * side + distance(columns) + far


class WindowAttention(nn.Module):
    """Queries are the tokens of the last `asking` frames, keys and values those of all three."""

    def __init__(self, width, heads, window, asking):
        super().__init__()
        self.heads = heads
        self.queries = asking * window * window
        self.scale = (width // heads) ** -0.5
        distances = (FRAMES + asking - 1) * (2 * window - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.zeros(distances, heads))
        # Public files hold it as a buffer; ours do not.
        self.register_buffer("relative_position_index", relative_index(window, asking), persistent=False)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def weights(self, scores):
        return torch.softmax(scores, -1)

    def forward(self, x, mask):
        """x [N, 3 P, D] to [N, asking P, D]."""
        windows, tokens, width = x.shape
        qkv = self.qkv(x).view(windows, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0][:, :, -self.queries:] * self.scale, qkv[1], qkv[2]
        scores = query @ key.transpose(-2, -1)
        bias = self.relative_position_bias_table[self.relative_position_index.view(-1)]
        bias = bias.view(self.queries, tokens, -1).permute(2, 0, 1).contiguous()
        scores = scores + bias.unsqueeze(0)
        if mask is not None:
            of_window = mask[:, -self.queries:].unsqueeze(1).unsqueeze(0)
            scores = scores.view(-1, mask.size(0), self.heads, self.queries, tokens) + of_window
            scores = scores.view(-1, self.heads, self.queries, tokens)
        attended = (self.weights(scores) @ value).transpose(1, 2).reshape(windows, self.queries, width)
        return self.proj(attended)


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class SwinBlock(nn.Module):
    """What blocks share: attention of normalised frames in windows, shifted in every other block."""

    def __init__(self, width, window, attention, shifted):
        super().__init__()
        self.window = window
        self.shift = window // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(width)
        self.attn = attention
        self.norm2 = nn.LayerNorm(width)

    def attended(self, frames):
        """frames [B, 3, H, W, D] to what attention adds to the last of them, [B, asking, H, W, D]."""
        height, width = frames.shape[2:4]
        below, right = -height % self.window, -width % self.window
        y = F.pad(self.norm1(frames), (0, 0, 0, right, 0, below))
        high, wide = height + below, width + right
        mask = None
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (2, 3))
            mask = shift_mask(high, wide, self.window, y.dtype)
        y = self.attn(partitioned(y, self.window), mask)
        y = joined(y, self.window, self.attn.queries // self.window**2, high, wide)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (2, 3))
        return y[:, :, :height, :width]
