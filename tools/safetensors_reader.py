"""Reads .safetensors files with nothing but Python and torch."""

import json
import pathlib
import struct

import torch

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
          "I64": torch.int64, "U8": torch.uint8}


def read(path: pathlib.Path) -> dict[str, torch.Tensor]:
    """Every tensor of the file, by name."""
    data = bytearray(path.read_bytes())
    (header_bytes,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + header_bytes])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        raw = torch.frombuffer(data, dtype=torch.uint8, count=end - begin, offset=8 + header_bytes + begin)
        tensors[name] = raw.clone().view(DTYPES[entry["dtype"]]).view(entry["shape"])
    return tensors
