"""Makes the small .pth files beside it with Python's own torch.save, and the fuzz targets' first inputs from them.

Run it with .venv/bin/python after a change; what it writes is committed.
"""

import collections
import os
import pathlib
import pickle
import struct
import zipfile

import torch

HERE = pathlib.Path(__file__).parent
FUZZ = HERE.parent.parent / "fuzz"


class Code:
    """What a hostile file does: a call, made while it is read."""

    def __reduce__(self):
        return os.system, ("echo harm",)


def weights(add=0.0):
    module = torch.nn.Linear(3, 2)
    with torch.no_grad():
        module.weight.copy_(torch.arange(6.0).reshape(2, 3) + add)
        module.bias.copy_(torch.tensor([-1.5, 0.25]) + add)
    return module.state_dict()


def mmagic():
    state = collections.OrderedDict({"step_counter": torch.tensor([7.0])})
    for name, tensor in weights().items():
        state["generator." + name] = tensor
    state["generator.upsample1.upsample_conv.bias"] = torch.tensor([1.0, 2.0])
    state["generator.spynet.basic_module.0.basic_module.1.conv.bias"] = torch.tensor([3.0])
    state["perceptual_loss.vgg.weight"] = torch.ones(2, 2)
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([parameter], lr=1e-4)
    parameter.sum().backward()
    optimizer.step()
    meta = {"mmedit_version": "0.15.0", "config": "model = dict(\n    type='BasicVSR')\n", "epoch": 3, "iter": 300000,
            "time": 1.5, "hook_msgs": {"last_ckpt": None, "key": True, "raw": b"\x00\xff", "range": (1, -2, 3 << 40)}}
    return {"meta": meta, "state_dict": state, "optimizer": {"generator": optimizer.state_dict()}}


def dtypes():
    values = torch.tensor([[0, 1, 2], [3, 4, 5]])
    kinds = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
    tensors = {kind: values.to(getattr(torch, kind)) for kind in kinds}
    return tensors | {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}


def views():
    whole = torch.arange(24.0)
    table = whole.view(4, 6)
    return {"whole": whole, "turned": table.t(), "part": table[1:3, 1::2], "tail": whole[20:],
            "parameter": torch.nn.Parameter(torch.ones(2), requires_grad=False)}


def deep():
    nested = []
    for _ in range(300):
        nested = [nested]
    shared = torch.ones(1)
    return {"nested": nested, "a": {"w": shared}, "b": {"w": shared}, 3: (None, False, 1.5, "ä")}


FILES = {
    "plain": {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.tensor([-1.5, 0.25])},
    "ordered": weights(),
    "basicsr": {"params": weights(), "params_ema": weights(100)},
    "parallel": collections.OrderedDict(("module." + name, tensor) for name, tensor in weights().items()),
    "mmagic": mmagic(),
    "dtypes": dtypes(),
    "views": views(),
    "deep": deep(),
    "code": {"params": weights(), "extra": Code()},
}


def save_safetensors(path, header, data_bytes):
    path.write_bytes(struct.pack("<Q", data_bytes) + header)


def main():
    for folder in ("unpickle", "safetensors_header"):
        (FUZZ / folder).mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        torch.save(content, HERE / f"{name}.pth")
        with zipfile.ZipFile(HERE / f"{name}.pth") as archive:
            (FUZZ / "unpickle" / f"{name}.pkl").write_bytes(archive.read(f"{name}/data.pkl"))
    torch.save(FILES["ordered"], HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        plain = pickle.dumps({"a": [1, -2.5, (None, True), b"x" * 300, "y" * 300], "b": {"c": 1 << 40}}, protocol)
        (FUZZ / "unpickle" / f"protocol{protocol}.pkl").write_bytes(plain)
    headers = {
        "empty": (b"{}", 0),
        "metadata": (b'{"__metadata__":{"format":"pt"}}', 0),
        "two": (b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
                b'"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}      ', 26),
        "zero": (b'{"z":{"dtype":"BOOL","shape":[0,9],"data_offsets":[0,0]}}', 0),
    }
    for name, (header, data_bytes) in headers.items():
        save_safetensors(FUZZ / "safetensors_header" / name, header, data_bytes)


if __name__ == "__main__":
    main()
