#!/usr/bin/env python3
"""BasicVSR in eager PyTorch, with the structure and the parameter names of the public code.

It is what `lrti-vsr` is measured against (tests/bench/bench.py), and it shows that our checkpoints
are ordinary ones:

  tools/basicvsr_eager.py --check CHECKPOINT   load our weights; print what the network makes of a fixed input
  tools/basicvsr_eager.py --bench              train on random clips when told to; lines as lrti-bench-step's
"""

import argparse
import json
import math
import pathlib
import sys
import time
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # nothing here needs it
import torch
from torch import nn
from torch.nn import functional as F

import safetensors_reader


def flow_warp(x, flow, padding_mode="zeros"):
    """x [B, C, H, W] sampled at p + flow(p); flow [B, 2, H, W] in pixels, channel 0 horizontal."""
    _, _, height, width = x.shape
    rows, columns = torch.meshgrid(torch.arange(height, device=x.device, dtype=x.dtype),
                                   torch.arange(width, device=x.device, dtype=x.dtype), indexing="ij")
    places = torch.stack((columns, rows), 2) + flow.permute(0, 2, 3, 1)
    x_places = 2.0 * places[..., 0] / max(width - 1, 1) - 1.0
    y_places = 2.0 * places[..., 1] / max(height - 1, 1) - 1.0
    return F.grid_sample(x, torch.stack((x_places, y_places), 3), mode="bilinear",
                         padding_mode=padding_mode, align_corners=True)


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
    """Optical flow from a pyramid of six levels. Source: Ranjan and Black, CVPR 2017."""

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


class BasicVsr(nn.Module):
    """Source: Chan et al., CVPR 2021."""

    def __init__(self, channels=64, blocks=30, tail_channels=64):
        super().__init__()
        self.channels = channels
        self.spynet = Spynet()
        self.backward_trunk = ConvResidualBlocks(channels + 3, channels, blocks)
        self.forward_trunk = ConvResidualBlocks(channels + 3, channels, blocks)
        self.fusion = nn.Conv2d(2 * channels, channels, 1)
        self.upconv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.upconv2 = nn.Conv2d(channels, 4 * tail_channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(tail_channels, tail_channels, 3, padding=1)
        self.conv_last = nn.Conv2d(tail_channels, 3, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.lrelu = nn.LeakyReLU(0.1, inplace=True)

    def flows(self, frames):
        batch, count, _, height, width = frames.shape
        earlier = frames[:, :-1].reshape(-1, 3, height, width)
        later = frames[:, 1:].reshape(-1, 3, height, width)
        backward = self.spynet(earlier, later).view(batch, count - 1, 2, height, width)
        forward = self.spynet(later, earlier).view(batch, count - 1, 2, height, width)
        return forward, backward

    def forward(self, frames):
        """frames [B, T, 3, H, W], RGB in 0..1; returns [B, T, 3, 4H, 4W]."""
        batch, count, _, height, width = frames.shape
        flows_forward, flows_backward = self.flows(frames)

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
            y = self.lrelu(self.fusion(torch.cat([kept[i], state], 1)))
            y = self.lrelu(self.pixel_shuffle(self.upconv1(y)))
            y = self.lrelu(self.pixel_shuffle(self.upconv2(y)))
            y = self.conv_last(self.lrelu(self.conv_hr(y)))
            outputs.append(y + F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False))
        return torch.stack(outputs, 1)


def fixed_input(count=5, height=64, width=64):
    """Frames [1, T, 3, H, W] from sines, the same in every implementation (tests/golden/golden.h)."""
    t, c, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (count, 3, height, width)),
                                indexing="ij")
    waves = 0.25 * torch.sin(0.31 * (x + 1.5 * t) + 0.17 * (y + 0.7 * t) + 2.1 * c)
    return (0.5 + waves + 0.25 * torch.sin(0.05 * x * (c + 1) - 0.23 * y + 0.4 * t)).float()[None]


def network_of(weights):
    """A network in the size that the weights have, holding them."""
    blocks = sum(name.startswith("forward_trunk.main.2.") and name.endswith("conv1.weight") for name in weights)
    network = BasicVsr(weights["fusion.weight"].size(0), blocks, weights["conv_hr.weight"].size(0))
    network.load_state_dict(weights)  # strict: a name too many or too few is an error
    return network


def check(checkpoint):
    path = pathlib.Path(checkpoint)
    path = path / "model.safetensors" if path.is_dir() else path
    weights = safetensors_reader.read(path)
    network = network_of(weights)
    with torch.no_grad():
        output = network(fixed_input()).double()
    print(f"{path}: {len(weights)} tensors, {sum(p.numel() for p in network.parameters())} parameters")
    print(f"output {tuple(output.shape)} of the fixed input: mean {output.mean():.7f}, "
          f"std {output.std(unbiased=False):.7f}, sum {output.sum():.3f}")


class TrainingRun:
    """Plain training on random clips that are already in memory."""

    def __init__(self, network, clip_frames, crop):
        self.network = network
        flow = [p for name, p in network.named_parameters() if name.startswith("spynet.")]
        rest = [p for name, p in network.named_parameters() if not name.startswith("spynet.")]
        self.optimizer = torch.optim.Adam([{"params": rest}, {"params": flow, "lr": 2.5e-5}],
                                          lr=2e-4, betas=(0.9, 0.99), fused=True)
        self.frames = torch.rand(1, clip_frames, 3, crop, crop)
        self.target = torch.rand(1, clip_frames, 3, 4 * crop, 4 * crop)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        difference = self.network(self.frames) - self.target
        loss = torch.sqrt(difference * difference + 1e-12).mean()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def steps(self, count):
        begin = time.perf_counter()
        for _ in range(count):
            loss = self.step()
        return {"seconds": time.perf_counter() - begin, "steps": count, "loss": loss}


def bench(arguments):
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    network = BasicVsr(arguments.channels, arguments.blocks, arguments.tail_channels)
    run = TrainingRun(network, arguments.clip_frames, arguments.crop)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) != 2 or words[0] != "steps" or not words[1].isdecimal():
            sys.exit(f"basicvsr_eager: command {line.strip()!r}: known are 'steps N', 'quit'")
        print(json.dumps(run.steps(int(words[1]))), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", metavar="CHECKPOINT", help="a checkpoint folder or a .safetensors file of ours")
    mode.add_argument("--bench", action="store_true", help="obey 'steps N' and 'quit' on standard input")
    for name, default in (("channels", 64), ("blocks", 30), ("tail-channels", 64), ("clip-frames", 8),
                          ("crop", 64), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"with --bench; default {default}")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check)
    else:
        bench(arguments)


if __name__ == "__main__":
    main()
