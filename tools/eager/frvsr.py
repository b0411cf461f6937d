"""FRVSR in the form that later work trains. Source: Sajjadi et al., CVPR 2018, arXiv:1801.04590."""

import torch
from torch import nn
from torch.nn import functional as F

from eager.layers import count_names, flow_warp

MAX_FLOW = 24.0  # LR pixels


def _pair(before, after, last=None):
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.2, inplace=True),
                         nn.Conv2d(after, last or after, 3, padding=1), nn.LeakyReLU(0.2, inplace=True))


class FNet(nn.Module):
    """Flow that brings the previous frame to the current one."""

    def __init__(self):
        super().__init__()
        self.encoder1, self.encoder2, self.encoder3 = _pair(6, 32), _pair(32, 64), _pair(64, 128)
        self.decoder1, self.decoder2, self.decoder3 = _pair(128, 256), _pair(256, 128), _pair(128, 64)
        self.flow = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.LeakyReLU(0.2, inplace=True),
                                  nn.Conv2d(32, 2, 3, padding=1))

    def forward(self, current, previous):
        x = torch.cat([current, previous], 1)
        for encoder in (self.encoder1, self.encoder2, self.encoder3):
            x = F.max_pool2d(encoder(x), 2, 2)
        for decoder in (self.decoder1, self.decoder2, self.decoder3):
            x = F.interpolate(decoder(x), scale_factor=2, mode="bilinear", align_corners=False)
        flow = MAX_FLOW * torch.tanh(self.flow(x))
        height, width = current.shape[2:]
        if flow.shape[2:] != current.shape[2:]:
            flow = F.pad(flow, (0, width - flow.size(3), 0, height - flow.size(2)), mode="reflect")
        return flow


class BilinearUpsample(nn.Module):
    def forward(self, x):
        return F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)


class CubicUpsample(nn.Module):
    """Four outputs for each input, the first where the input is: cubic with a = -0.75."""

    def __init__(self):
        super().__init__()
        s, a = torch.arange(4) / 4, -0.75
        s = s.to(torch.get_default_dtype())
        self.register_buffer("kernels", torch.stack([
            a * s - 2 * a * s**2 + a * s**3, 1 - (a + 3) * s**2 + (a + 2) * s**3,
            -a * s + (2 * a + 3) * s**2 - (a + 2) * s**3, a * s**2 - a * s**3], 1))

    def forward(self, x):
        batch, channels, height, width = x.shape
        x = F.pad(x, (1, 2, 1, 2), mode="replicate").view(batch * channels, 1, height + 3, width + 3)
        x = F.conv2d(x, self.kernels.view(4, 1, 4, 1)).transpose(1, 2).reshape(-1, 1, 4 * height, width + 3)
        x = F.conv2d(x, self.kernels.view(4, 1, 1, 4)).permute(0, 2, 3, 1)
        return x.reshape(batch, channels, 4 * height, 4 * width)


class SrResidualBlock(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(features, features, 3, padding=1), nn.ReLU(inplace=True),
                                  nn.Conv2d(features, features, 3, padding=1))

    def forward(self, x):
        return x + self.conv(x)


class SrNet(nn.Module):
    def __init__(self, features, blocks, upsample):
        super().__init__()
        self.conv_in = nn.Sequential(nn.Conv2d(51, features, 3, padding=1), nn.ReLU(inplace=True))
        self.resblocks = nn.Sequential(*(SrResidualBlock(features) for _ in range(blocks)))
        self.conv_up = nn.Sequential(
            nn.ConvTranspose2d(features, features, 3, 2, 1, output_padding=1), nn.ReLU(inplace=True),
            nn.ConvTranspose2d(features, features, 3, 2, 1, output_padding=1), nn.ReLU(inplace=True))
        self.conv_out = nn.Conv2d(features, 3, 3, padding=1)
        self.upsample_func = upsample

    def forward(self, frame, previous):
        x = self.conv_in(torch.cat([frame, previous], 1))
        return self.conv_out(self.conv_up(self.resblocks(x))) + self.upsample_func(frame)


def space_to_depth(x):
    """[B, 3, 4H, 4W] to [B, 48, H, W], channel (4 dy + dx) 3 + c."""
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // 4, 4, width // 4, 4).permute(0, 3, 5, 1, 2, 4)
    return x.reshape(batch, 16 * channels, height // 4, width // 4)


class Frvsr(nn.Module):
    FLOW_PREFIX = "fnet."

    def __init__(self, features=64, blocks=10, degradation="bi"):
        super().__init__()
        self.upsample_func = {"bi": BilinearUpsample, "bd": CubicUpsample}[degradation]()
        self.fnet = FNet()
        self.srnet = SrNet(features, blocks, self.upsample_func)

    @staticmethod
    def options_of(weights):
        return {"features": weights["srnet.conv_out.weight"].size(1),
                "blocks": count_names(weights, "srnet.resblocks.", "conv.0.weight"),
                "degradation": "bd" if "upsample_func.kernels" in weights else "bi"}

    def forward(self, frames):
        batch, count, _, height, width = frames.shape
        current = frames[:, 1:].reshape(-1, 3, height, width)
        previous = frames[:, :-1].reshape(-1, 3, height, width)
        flows = 4 * self.upsample_func(self.fnet(current, previous))
        flows = flows.view(batch, count - 1, 2, 4 * height, 4 * width)
        output = self.srnet(frames[:, 0], frames.new_zeros(batch, 48, height, width))
        outputs = [output]
        for t in range(1, count):
            warped = flow_warp(output, flows[:, t - 1], padding_mode="border")
            output = self.srnet(frames[:, t], space_to_depth(warped))
            outputs.append(output)
        return torch.stack(outputs, 1)
