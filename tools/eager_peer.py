#!/usr/bin/env python3
"""The networks in eager PyTorch, with the structure and the parameter names of the public code (tools/eager).

They are what `lrti-vsr` is measured against (tests/bench/bench.py), and they show that our checkpoints are
ordinary ones:

  tools/eager_peer.py --golden                                 compare every network with the public one's numbers
  tools/eager_peer.py --network lrti_vsr --check CHECKPOINT    load our weights; print what the network makes of a
                                                               fixed input
  tools/eager_peer.py --network psrt --set 'depths=[2]' --bench
                                                               compute on random clips when told to; lines as
                                                               lrti-bench-step's
"""

import argparse
import json
import pathlib
import sys
import time
import warnings

warnings.filterwarnings("ignore", message="Failed to initialize NumPy")  # nothing here needs it
import torch

import safetensors_reader
from eager import NETWORKS, golden


def compare():
    failed = golden.failures()
    if failed:
        sys.exit(f"eager_peer: beyond {golden.TOLERANCE} of the public implementation: {', '.join(failed)}")


def check(network, checkpoint):
    path = pathlib.Path(checkpoint)
    path = path / "model.safetensors" if path.is_dir() else path
    weights = safetensors_reader.read(path)
    name, network = network, NETWORKS[network](**NETWORKS[network].options_of(weights))
    ours, eagers = set(weights), set(network.state_dict())
    if ours != eagers:
        odd = sorted(ours ^ eagers)
        sys.exit(f"eager_peer: {path} is not the weights of {name} as published: {len(eagers - ours)} names missing, "
                 f"{len(ours - eagers)} unknown, among them {odd[0]}; a network without flow has no peer")
    network.load_state_dict(weights)
    with torch.no_grad():
        output = network.eval()(golden.frames(5, 64, 64).float()).double()
    print(f"{path}: {len(weights)} tensors, {sum(p.numel() for p in network.parameters())} parameters")
    print(f"output {tuple(output.shape)} of the fixed input: mean {output.mean():.7f}, "
          f"std {output.std(unbiased=False):.7f}, sum {output.sum():.3f}")


class FusedAdam:
    """The operation behind torch.optim.Adam(fused=True), without the five seconds that importing torch.optim's
    compiler takes. Parameters that got no gradient stay."""

    def __init__(self, parameters, rate):
        self.parameters = parameters
        self.rate = rate
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters]
        self.counts = [torch.zeros(()) for _ in parameters]

    def step(self):
        kept = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        if not kept:
            return
        counts = [self.counts[i] for i in kept]
        torch._foreach_add_(counts, 1)
        with torch.no_grad():
            torch._fused_adam_([self.parameters[i] for i in kept], [self.parameters[i].grad for i in kept],
                               [self.first[i] for i in kept], [self.second[i] for i in kept], [], counts,
                               lr=self.rate, beta1=0.9, beta2=0.99, weight_decay=0.0, eps=1e-8, amsgrad=False,
                               maximize=False)
        for p in self.parameters:
            p.grad = None


class Run:
    """Plain training, and inference, on random clips that are already in memory."""

    def __init__(self, network, clip_frames, crop):
        self.network = network
        flow = [p for name, p in network.named_parameters() if name.startswith(network.FLOW_PREFIX)]
        rest = [p for name, p in network.named_parameters() if not name.startswith(network.FLOW_PREFIX)]
        self.optimizers = [FusedAdam(rest, 2e-4), FusedAdam(flow, 2.5e-5)]
        self.frames = torch.rand(1, clip_frames, 3, crop, crop)
        self.target = torch.rand(1, clip_frames, 3, 4 * crop, 4 * crop)

    def step(self):
        difference = self.network(self.frames) - self.target
        loss = torch.sqrt(difference * difference + 1e-12).mean()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.item()

    def steps(self, count):
        begin = time.perf_counter()
        for _ in range(count):
            loss = self.step()
        return {"seconds": time.perf_counter() - begin, "steps": count, "loss": loss}

    def infer(self, count):
        begin = time.perf_counter()
        with torch.no_grad():
            for _ in range(count):
                self.network(self.frames)
        return {"seconds": time.perf_counter() - begin, "frames": count * self.frames.size(1)}


def bench(arguments):
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    try:
        network = NETWORKS[arguments.network](**dict(arguments.set))
    except TypeError as error:
        sys.exit(f"eager_peer: {arguments.network}: {error}")
    if arguments.checkpointing:
        network.checkpoint_blocks()
    run = Run(network, arguments.clip_frames, arguments.crop)
    commands = {"steps": run.steps, "infer": run.infer}
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) != 2 or words[0] not in commands or not words[1].isdecimal() or int(words[1]) < 1:
            sys.exit(f"eager_peer: command {line.strip()!r}: known are 'steps N', 'infer N', 'quit'")
        print(json.dumps(commands[words[0]](int(words[1]))), flush=True)


def option(text):
    """KEY=VALUE with a value as in a job file: a number, a list of numbers, a word."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--golden", action="store_true", help="compare with the public implementations, in fp64")
    mode.add_argument("--check", metavar="CHECKPOINT", help="a checkpoint folder or a .safetensors file of ours")
    mode.add_argument("--bench", action="store_true", help="obey 'steps N', 'infer N' and 'quit' on standard input")
    parser.add_argument("--network", choices=NETWORKS, default="basicvsr", help="default basicvsr")
    parser.add_argument("--set", metavar="KEY=VALUE", type=option, action="append", default=[],
                        help="with --bench: an option of the network, as in spec.model (may be repeated)")
    for name, default in (("clip-frames", 8), ("crop", 64), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"with --bench; default {default}")
    parser.add_argument("--checkpointing", action="store_true",
                        help="with --bench: transformers compute the inner values of blocks again")
    arguments = parser.parse_args()
    if arguments.checkpointing and not hasattr(NETWORKS[arguments.network], "checkpoint_blocks"):
        parser.error(f"--checkpointing: {arguments.network} has no blocks to compute again")
    if arguments.golden:
        compare()
    elif arguments.check:
        check(arguments.network, arguments.check)
    else:
        bench(arguments)


if __name__ == "__main__":
    main()
