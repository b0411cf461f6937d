"""Numbers of the public implementations, made by a recipe for weights and inputs (tests/golden/golden.h)."""

import math

import torch

from eager import NETWORKS
from eager.layers import flow_warp, patch_warp
from eager.spynet import Spynet

MASK = 2**32 - 1
TOLERANCE = 1e-8


def fnv1a(text):
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 & MASK
    return value


def weight(name, shape):
    """The recipe's weight of this name, fp64."""
    count = math.prod(shape)
    v = (torch.arange(count, dtype=torch.int64) * 2654435761 + fnv1a(name)) & MASK
    v = v ^ (v >> 16)
    v = (v * 2246822519) & MASK
    v = v ^ (v >> 13)
    noise = v.double() * 2 / 2**32 - 1
    if len(shape) > 1:
        puts_out_flow = "basic_module.8." in name or name == "fnet.flow.2.weight"
        return (noise * math.sqrt(3 * shape[0] / count) * (0.5 if puts_out_flow else 1.0)).view(shape)
    return 0.05 * noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0)


def set_weights(module):
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(weight(name, parameter.shape))
    return module.eval()


def frames(count, height, width):
    """Frames [1, T, 3, H, W] from sines, fp64."""
    t, c, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (count, 3, height, width)),
                                indexing="ij")
    waves = 0.25 * torch.sin(0.31 * (x + 1.5 * t) + 0.17 * (y + 0.7 * t) + 2.1 * c)
    return (0.5 + waves + 0.25 * torch.sin(0.05 * x * (c + 1) - 0.23 * y + 0.4 * t))[None]


def summary(tensor):
    """Mean, standard deviation and six elements."""
    flat = tensor.double().flatten()
    n = flat.numel()
    places = (0, 1, n // 3, n // 2, 2 * n // 3, n - 1)
    return [flat.mean().item(), flat.std(unbiased=False).item()] + [flat[place].item() for place in places]


def _flow_net(height, width):
    images = frames(2, height, width)[0]
    return set_weights(Spynet())(images[:1], images[1:])


def _moved(warp, height, width):
    image = frames(1, height, width)[0]
    flow = torch.stack((6 * image[:, 0] - 3, 5 * image[:, 1] - 2), 1)
    return warp(image, flow)


def _network(name, count, height, width, **options):
    return set_weights(NETWORKS[name](**options))(frames(count, height, width))


def _transformer(name, height, width):
    return _network(name, 4, height, width, embed_dim=24, depths=[2, 2], heads=[2, 2], mid_channels=16)


ROWS = {
    "frames": (lambda: frames(5, 64, 64), [
        0.5069389422, 0.2499436539, 0.5, 0.5887594514, 0.3479953290, 0.5959164777, 0.5699741133, 0.3741288326]),
    "spynet": (lambda: _flow_net(64, 64), [
        -0.2072344623, 1.6755463688, -2.0788041422, -2.0683337729, -1.4363066150, 2.0306623054, 1.7808442696,
        1.5306860436]),
    "spynet, 72x100": (lambda: _flow_net(72, 100), [
        -0.1891118324, 1.3476108898, -1.7411620992, -1.6979122555, -1.3490776081, 1.4773768753, 1.1073294889,
        1.2516291738]),
    "flow_warp": (lambda: _moved(flow_warp, 16, 20), [
        0.3904155628, 0.2210833413, 0.4778224248, 0.5992977472, 0.5857232187, 0.2162015933, 0.1699978412,
        0.2576045801]),
    "flow_warp, border": (lambda: _moved(lambda x, flow: flow_warp(x, flow, "border"), 16, 20), [
        0.4066500198, 0.2193996745, 0.4778224248, 0.5992977472, 0.5857232187, 0.2162015933, 0.1699978412,
        0.3975475966]),
    "patch_warp": (lambda: _moved(patch_warp, 20, 28), [
        0.4096679739, 0.2542132248, 0.5, 0.5887594514, 0.7158023417, 0, 0.2821060569, 0.4806849566]),
    "basicvsr": (lambda: _network("basicvsr", 5, 64, 64, channels=16, blocks=2), [
        0.5088612493, 0.2612597980, 0.4089646694, 0.4367551217, 0.3269556052, 0.6446919932, 0.6130311907,
        0.3547889694]),
    "basicvsr_plusplus": (lambda: _network("basicvsr_plusplus", 5, 64, 64, channels=16, blocks=2), [
        0.4706281696, 0.2927356715, 0.3843260791, 0.4785698018, 0.3108508336, 0.5934477669, 0.5771359738,
        0.3757215795]),
    "basicvsr_plusplus, 72x100": (lambda: _network("basicvsr_plusplus", 3, 72, 100, channels=16, blocks=2), [
        0.4652899565, 0.2944380193, 0.3579894077, 0.4788532538, 0.6277880582, 0.4480876684, 0.8372996399,
        0.1251306230]),
    "psrt": (lambda: _transformer("psrt", 64, 64), [
        0.5040712498, 0.6592700647, 0.3592551392, 0.3848671560, 0.5827941796, 0.6702469872, 0.2208463090,
        0.3909299582]),
    "psrt, 68x76": (lambda: _transformer("psrt", 68, 76), [
        0.5019827263, 0.6652834911, 0.3786136118, 0.3852092176, 0.5877697653, 0.6702144996, 0.2225321952,
        0.5635474998]),
    "iiab": (lambda: _transformer("iiab", 64, 64), [
        0.4639414402, 0.4886126567, 0.2194088011, 0.5208857235, 0.4870547885, 0.4913203864, 0.2795428374,
        0.4303213671]),
    "iiab, 68x76": (lambda: _transformer("iiab", 68, 76), [
        0.4615988937, 0.4950089075, 0.2462233917, 0.5335347231, 0.4839905986, 0.4896229515, 0.2844260206,
        0.6232963191]),
    "frvsr, bd": (lambda: _network("frvsr", 4, 64, 64, features=16, blocks=2, degradation="bd"), [
        0.5007042325, 0.2581914682, 0.4419098463, 0.4732107436, 0.7432079896, 0.8670727439, 0.4921297867,
        0.3789311015]),
    "frvsr, bi": (lambda: _network("frvsr", 4, 64, 64, features=16, blocks=2, degradation="bi"), [
        0.5007669695, 0.2554465326, 0.4419098463, 0.4559649274, 0.7417300925, 0.8664932836, 0.4931697344,
        0.3808231058]),
    # Of a prototype of the same reading of the paper, written apart from this one.
    "lrti_vsr": (lambda: _transformer("lrti_vsr", 64, 64), [
        0.4713958852, 0.7387752910, 0.4731697350, 0.5394737877, 0.8044644606, 0.8189246924, 0.3830587927,
        0.4159500379]),
    "lrti_vsr, 68x76": (lambda: _transformer("lrti_vsr", 68, 76), [
        0.4654012339, 0.7262231462, 0.4536344766, 0.4880216079, 0.8211725160, 0.8245844912, 0.3667887550,
        0.5735120840]),
}


def failures():
    """Computes every row in fp64, prints how far it is off, and returns the names of those beyond the tolerance."""
    torch.set_default_dtype(torch.float64)
    failed = []
    for name, (compute, expected) in ROWS.items():
        with torch.no_grad():
            found = summary(compute())
        distance = max(abs(a - b) for a, b in zip(found, expected))
        print(f"{name}: {distance:.1e}", flush=True)
        if not distance < TOLERANCE:  # also where it is no number
            failed.append(name)
    return failed
