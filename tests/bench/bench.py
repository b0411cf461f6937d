#!/usr/bin/env python3
"""What truncated training costs, side by side, from one run on this machine (docs/benchmarks.md).

  make bench                             small networks, at most ten minutes on two cores
  make bench-full                        the published networks' sizes
  tests/bench/bench.py --only networks   one section alone
"""

import argparse
import contextlib
import dataclasses
import json
import math
import os
import pathlib
import platform
import sys

from step_process import Rounds, StepProcess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAPER = "LRTI-VSR"
# A slow machine makes fewer rounds, so that `make bench` stays below ten minutes.
SECONDS_MAX = {"truncated": 190, "eager": 75, "steps": 28, "frames": 10, "checkpointing": 45}


@dataclasses.dataclass(frozen=True)
class Size:
    channels: int
    blocks: int
    tail_channels: int
    crop: int
    rounds: int

    def __str__(self):
        return (f"BasicVSR, {self.channels} channels, {self.blocks} blocks, tail {self.tail_channels}, "
                f"crop {self.crop}, batch 1, fp32")


@dataclasses.dataclass(frozen=True)
class Network:
    """A network to compare; its options as in spec.model, and as tools/eager takes them."""

    name: str
    options: dict
    target: float = 1.0  # eager over ours
    transformer: bool = False
    passes: int = 2  # over a clip, in a turn


def networks(cnn, plusplus, frvsr, transformer):
    of_transformers = {"options": transformer, "transformer": True, "passes": 1}
    return [Network("basicvsr", cnn), Network("basicvsr_plusplus", plusplus), Network("frvsr", frvsr),
            Network("psrt", **of_transformers),
            # In the public code of these two the states ask as well, and nobody reads the answers.
            Network("iiab", target=1.15, **of_transformers), Network("lrti_vsr", target=1.15, **of_transformers)]


SMALLEST = {"embed_dim": 8, "depths": [2], "heads": [2], "mid_channels": 4, "tail_channels": 4}
SMOKE_NETWORKS = networks({"channels": 4, "blocks": 1, "tail_channels": 4},
                          {"channels": 8, "blocks": 1, "tail_channels": 4}, {"features": 4, "blocks": 1}, SMALLEST)
SMALL_NETWORKS = networks({"channels": 32, "blocks": 5, "tail_channels": 32},
                          {"channels": 32, "blocks": 2, "tail_channels": 32}, {"features": 32, "blocks": 5},
                          {"embed_dim": 60, "depths": [2], "heads": [3], "mid_channels": 32, "tail_channels": 32})
PUBLISHED_NETWORKS = networks({}, {}, {}, {})  # their defaults


@dataclasses.dataclass(frozen=True)
class Row:
    """A measured value; `reference` is what `peer` reaches, `target` what we want to."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    peer: str | None = None
    target: tuple[str, float] | None = None

    def verdict(self):
        if self.target is None:
            return "", ""
        relation, bound = self.target
        met = self.value >= bound if relation == ">=" else self.value <= bound
        return f"{relation} {number(bound)} {self.unit}", "met" if met else "MISSED"

    def as_json(self):
        return {"name": self.name, "value": self.value, "unit": self.unit, "reference": self.reference,
                "peer": self.peer}


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def print_table(title, rows):
    cells = [("", "measured", "reference", "target", "")]
    for row in rows:
        reference = "" if row.reference is None else f"{number(row.reference)} {row.unit} ({row.peer})"
        cells.append((row.name, f"{number(row.value)} {row.unit}", reference, *row.verdict()))
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    print(f"\n{title}")
    for line in cells:
        print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


class Bench:
    def __init__(self, arguments):
        self.program = arguments.bin / "lrti-bench-step"
        self.threads = arguments.threads
        self.full = arguments.full
        self.smoke = arguments.smoke
        self.clip = arguments.clip
        self.chosen = arguments.network
        self.python = ROOT / ".venv/bin/python"

    def rounds(self, runs, count, what, title, measure=StepProcess.seconds_a_step):
        seconds_max = math.inf if self.full else SECONDS_MAX[what]
        return Rounds(runs, count, lambda text: say(f"{title}, {text}"), measure, seconds_max)

    def small(self):
        if self.smoke:
            return Size(4, 1, 4, crop=32, rounds=1)
        return self.published(3) if self.full else Size(32, 8, 40, crop=64, rounds=3)

    def published(self, rounds):
        return Size(64, 30, 64, crop=64, rounds=rounds)

    def networks(self):
        known = SMOKE_NETWORKS if self.smoke else PUBLISHED_NETWORKS if self.full else SMALL_NETWORKS
        return [network for network in known if self.chosen is None or network.name in self.chosen]

    def ours(self, size, strategy, steps_a_turn, freeze=0):
        model = {"channels": size.channels, "blocks": size.blocks, "tail_channels": size.tail_channels}
        return self.ours_of("basicvsr", model, strategy, steps_a_turn,
                            {"spec.data.train.crop": size.crop, "spec.optimizer.flow_freeze_steps": freeze})

    def ours_of(self, network, model, strategy, steps_a_turn, others, passes_a_turn=1):
        fields = {"spec.train.threads": self.threads, "spec.model.type": network} | others
        fields |= {f"spec.model.{key}": value for key, value in model.items()}
        fields |= {f"spec.strategy.{key}": value for key, value in strategy.items()}
        if self.clip:
            fields["spec.data.train.path"] = self.clip
        command = [self.program, ROOT / "tests/bench/bench.yaml"]
        for path, value in fields.items():
            command += ["--set", f"{path}={value}"]
        return StepProcess(command, steps_a_turn, passes_a_turn)

    def eager(self, size):
        model = {"channels": size.channels, "blocks": size.blocks, "tail_channels": size.tail_channels}
        return self.eager_of("basicvsr", model, 8, size.crop)

    def eager_of(self, network, model, clip_frames, crop, flags=(), passes_a_turn=1):
        command = [self.python, ROOT / "tools/eager_peer.py", "--bench", "--network", network, "--threads",
                   self.threads, "--clip-frames", clip_frames, "--crop", crop, *flags]
        for key, value in model.items():
            command += ["--set", f"{key}={value}"]
        return StepProcess(command, 1, passes_a_turn)

    def truncated(self, section, freeze):
        """Plain training on clips of 8, 24 and 40 frames against TB on clips of 8."""
        size = self.small()
        tb = {"type": "tb", "clip_frames": 8, "sequence_frames": 40, "clips_per_sequence": 5}
        plain = {length: {"type": "plain", "clip_frames": length} for length in (8, 24, 40)}
        with contextlib.ExitStack() as stack:
            def start(strategy, steps_a_turn):
                return stack.enter_context(contextlib.closing(self.ours(size, strategy, steps_a_turn, freeze)))
            # Five steps of TB are one refresh, its long pass included.
            runs = {"plain-8": start(plain[8], 2), "plain-24": start(plain[24], 1),
                    "plain-40": start(plain[40], 1), "tb-8": start(tb, 5)}
            rounds = self.rounds(runs, size.rounds, "truncated", f"flow net {section}")
            memory = {name: run.peak_bytes() for name, run in runs.items()}
        rows = [Row(f"{section}/step_time/{name}", rounds.median(name), "s") for name in runs]
        rows += [Row(f"{section}/memory/{name}", memory[name] / 2**20, "MiB") for name in runs]
        # Targets are held where the flow net trains, the longer and dearer part of a run.
        for length, time, space, goals in ((24, 2.43, 2.87, (2.5, 2.6)), (40, 4.1, 4.84, (4.3, 4.3))):
            above = f"plain-{length}"
            rows.append(Row(f"{section}/time_ratio/{above}/tb-8", rounds.ratio(above, "tb-8"), "x", time,
                            PAPER, (">=", goals[0])))
            rows.append(Row(f"{section}/memory_ratio/{above}/tb-8", memory[above] / memory["tb-8"], "x",
                            space, PAPER, (">=", goals[1])))
        rows.append(Row(f"{section}/extra_time/tb-8/plain-8", 100 * (rounds.ratio("tb-8", "plain-8") - 1),
                        "%", 12.6, PAPER, ("<=", 20)))
        print_table(f"Truncated training, flow net {section}; {size}; {rounds.count} rounds", rows)
        return rows

    def has_eager(self):
        if self.python.exists():
            return True
        print(f"\nPyTorch eager: skipped, because {self.python} is not there. It comes with tools/setup "
              "unless TORCH_DIR or CMAKE_PREFIX_PATH names another LibTorch.")
        return False

    def against_eager(self):
        if not self.has_eager():
            return []
        size = self.small() if self.smoke else self.published(7 if self.full else 3)
        with contextlib.ExitStack() as stack:
            ours = self.ours(size, {"type": "plain", "clip_frames": 8}, 1)
            runs = {"ours": stack.enter_context(contextlib.closing(ours)),
                    "eager": stack.enter_context(contextlib.closing(self.eager(size)))}
            rounds = self.rounds(runs, size.rounds, "eager", "against eager")
        rows = [Row("eager/step_time/ours", rounds.median("ours"), "s", rounds.median("eager"),
                    "PyTorch eager"),
                Row("eager/speed_ratio/eager/ours", rounds.ratio("eager", "ours"), "x", 1.0, "PyTorch eager",
                    (">=", 1.0))]
        print_table(f"One step against PyTorch eager; {size}, L=8, flow net trained; {rounds.count} rounds", rows)
        return rows

    def every_network(self):
        """A training step and a frame of inference of each network, against eager."""
        if not self.has_eager():
            return []
        count = 1 if self.smoke else 3
        rows = [row for network in self.networks() for row in self.one_network(network, count)]
        sizes = "\n".join(f"  {network.name} {network.options or 'as published'}" for network in self.networks())
        blocks = ", blocks of transformers recomputed" if self.full else ""
        print_table(f"Every network against PyTorch eager; clips of 4 frames, crop {self.small().crop}, batch 1, "
                    f"fp32{blocks}; at most {count} rounds\n{sizes}", rows)
        print("  Eager's deformable convolution (basicvsr_plusplus) is made of grid_sample, no compiled operator.")
        return rows

    def one_network(self, network, count):
        with contextlib.ExitStack() as stack:
            ours, eager = (stack.enter_context(contextlib.closing(run)) for run in self.both(network))
            runs = {"ours": ours, "eager": eager}
            steps = self.rounds(runs, count, "steps", f"{network.name}, steps")
            frames = self.rounds(runs, count, "frames", f"{network.name}, inference", StepProcess.seconds_a_frame)
        for unit, rounds in (("step", steps), ("frame", frames)):
            yield Row(f"networks/{unit}_time/{network.name}", rounds.median("ours"), "s", rounds.median("eager"),
                      "PyTorch eager")
            yield Row(f"networks/{unit}_ratio/{network.name}", rounds.ratio("eager", "ours"), "x", 1.0,
                      "PyTorch eager", (">=", network.target))

    def both(self, network):
        crop = self.small().crop
        fields = {"spec.data.train.crop": crop, "spec.data.train.last_frame": 15,
                  "spec.optimizer.flow_freeze_steps": 0}
        model = network.options | ({"drop_path": 0} if network.transformer else {})  # eager has none
        flags = []
        if network.transformer and self.full:  # as in the public code; eager needs some 80 GB otherwise
            fields["spec.train.activation_checkpointing"] = "true"
            flags = ["--checkpointing"]
        yield self.ours_of(network.name, model, {"type": "plain", "clip_frames": 4}, 1, fields, network.passes)
        yield self.eager_of(network.name, network.options, 4, crop, flags, network.passes)

    def checkpointing(self):
        """TB on clips of 8 of lrti_vsr, inner values of blocks kept or computed again."""
        model = {"embed_dim": 60, "depths": [6], "heads": [3], "mid_channels": 32, "tail_channels": 32}
        crop, count = 32, 2
        if self.smoke:
            model, count = SMALLEST, 1
        elif self.full:
            model, crop = {"depths": [6], "heads": [6]}, 64  # the paper's small network
        tb = {"type": "tb", "clip_frames": 8, "sequence_frames": 16, "clips_per_sequence": 2}
        with contextlib.ExitStack() as stack:
            def start(on):
                fields = {"spec.data.train.crop": crop, "spec.train.activation_checkpointing": on}
                return stack.enter_context(contextlib.closing(self.ours_of("lrti_vsr", model, tb, 2, fields)))
            runs = {"kept": start("false"), "recomputed": start("true")}
            rounds = self.rounds(runs, count, "checkpointing", "checkpointing")
            memory = {name: run.peak_bytes() for name, run in runs.items()}
        rows = [Row(f"checkpointing/step_time/{name}", rounds.median(name), "s") for name in runs]
        rows += [Row(f"checkpointing/memory/{name}", memory[name] / 2**20, "MiB") for name in runs]
        extra = 100 * (rounds.ratio("recomputed", "kept") - 1)
        rows += [Row("checkpointing/memory_ratio/kept/recomputed", memory["kept"] / memory["recomputed"], "x"),
                 Row("checkpointing/extra_time/recomputed/kept", extra, "%")]
        print_table("TB-8 (T=16, N=2) of lrti_vsr, inner values of blocks kept or computed again; "
                    f"crop {crop}, {rounds.count} rounds\n  {model}", rows)
        return rows


SECTIONS = {"trained": lambda bench: bench.truncated("trained", freeze=0),
            "frozen": lambda bench: bench.truncated("frozen", freeze=-1),  # not in a short run
            "eager": Bench.against_eager,
            "networks": Bench.every_network,
            "checkpointing": Bench.checkpointing}


def processor():
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the published networks' sizes throughout")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, one round: does the machinery work?")
    parser.add_argument("--clip", type=pathlib.Path, help="48 frames or more in place of the clip of bench.yaml")
    parser.add_argument("--only", choices=SECTIONS, help="one section alone")
    parser.add_argument("--network", nargs="+", choices=[network.name for network in PUBLISHED_NETWORKS],
                        help="in section networks, these alone")
    parser.add_argument("--threads", type=int, default=2, help="threads of every run; default 2")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin",
                        help="where lrti-bench-step is; default build/release/bin")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "build/bench.json",
                        help="where the rows go; default build/bench.json")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    bench = Bench(arguments)
    if not bench.program.exists():
        sys.exit(f"bench: {bench.program} is not there; build it with `make build`, or name its folder with --bin")
    print(f"machine: {processor()}, {os.cpu_count()} cores; {arguments.threads} threads a run; load before: "
          f"{os.getloadavg()[0]:.1f}")
    default = [name for name in SECTIONS if name != "frozen" or arguments.full or arguments.smoke]
    chosen = [SECTIONS[name] for name in ([arguments.only] if arguments.only else default)]
    rows = [row for section in chosen for row in section(bench)]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n", encoding="utf-8")
    print(f"\nrows: {arguments.output}")


if __name__ == "__main__":
    main()
