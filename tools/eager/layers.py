"""What several networks are made of."""

import torch
from torch import nn
from torch.nn import functional as F


def _positions(x, motion):
    """Places p + motion(p) in pixels, scaled to -1..1 as grid_sample wants them; motion [B, H, W, 2]."""
    height, width = x.shape[2:]
    rows, columns = torch.meshgrid(torch.arange(height, device=x.device, dtype=x.dtype),
                                   torch.arange(width, device=x.device, dtype=x.dtype), indexing="ij")
    places = torch.stack((columns, rows), 2) + motion
    x_places = 2.0 * places[..., 0] / max(width - 1, 1) - 1.0
    y_places = 2.0 * places[..., 1] / max(height - 1, 1) - 1.0
    return torch.stack((x_places, y_places), 3)


def flow_warp(x, flow, padding_mode="zeros"):
    """x [B, C, H, W] sampled at p + flow(p); flow [B, 2, H, W] in pixels, channel 0 horizontal."""
    return F.grid_sample(x, _positions(x, flow.permute(0, 2, 3, 1)), mode="bilinear",
                         padding_mode=padding_mode, align_corners=True)


def patch_warp(x, flow, patch=8):
    """Moves each patch as one piece, by the rounded mean of its flow. No gradient reaches the flow."""
    height, width = x.shape[2:]
    below, right = -height % patch, -width % patch
    mean = F.avg_pool2d(F.pad(flow, (0, right, 0, below), mode="reflect"), patch)
    motion = F.interpolate(mean, scale_factor=patch, mode="nearest")[..., :height, :width]
    return F.grid_sample(x, _positions(x, motion.permute(0, 2, 3, 1)), mode="nearest",
                         padding_mode="zeros", align_corners=True)


def neighbour_flows(spynet, frames):
    """Flows that bring frame i to i+1 (forward) and i+1 to i (backward), each [B, T-1, 2, H, W]."""
    batch, count, _, height, width = frames.shape
    earlier = frames[:, :-1].reshape(-1, 3, height, width)
    later = frames[:, 1:].reshape(-1, 3, height, width)
    backward = spynet(earlier, later).view(batch, count - 1, 2, height, width)
    forward = spynet(later, earlier).view(batch, count - 1, 2, height, width)
    return forward, backward


def sweep(count, backward):
    """The frames of a clip in the order in which a branch visits them."""
    return range(count - 1, -1, -1) if backward else range(count)


def flow_between(flows, t, step):
    """The flow that brings frame t - step, visited just before, to frame t; step is 1 or -1."""
    forward, backward = flows
    return forward[:, t - 1] if step > 0 else backward[:, t]


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight)
            conv.weight.data.mul_(0.1)
            nn.init.zeros_(conv.bias)

    def forward(self, x):
        return x + self.conv2(self.relu(self.conv1(x)))


class ConvResidualBlocks(nn.Module):
    def __init__(self, before, channels, blocks):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(before, channels, 3, padding=1),
                                  nn.LeakyReLU(0.1, inplace=True),
                                  nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks))))

    def forward(self, x):
        return self.main(x)


class TailNetwork(nn.Module):
    """A network that ends in the x4 tail, whose layers carry no name of their own in front."""

    FLOW_PREFIX = "spynet."

    def add_tail(self, channels, tail_channels):
        self.upconv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.upconv2 = nn.Conv2d(channels, 4 * tail_channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(tail_channels, tail_channels, 3, padding=1)
        self.conv_last = nn.Conv2d(tail_channels, 3, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.lrelu = nn.LeakyReLU(0.1, inplace=True)

    def picture(self, feature, frame):
        y = self.lrelu(self.pixel_shuffle(self.upconv1(feature)))
        y = self.lrelu(self.pixel_shuffle(self.upconv2(y)))
        y = self.conv_last(self.lrelu(self.conv_hr(y)))
        return y + F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False)


def count_names(weights, prefix, suffix):
    """How many weights begin and end so: blocks of a stack, say."""
    return sum(name.startswith(prefix) and name.endswith(suffix) for name in weights)
