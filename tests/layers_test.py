"""Holds the picture of docs/architecture.md to the code: which folder may include which."""

import pathlib
import re
import sys

# Folder -> folders whose headers it may include, besides its own. The longest matching prefix rules.
ALLOWED = {
    "common/base": [],
    "common/config": ["common/base"],
    "common/events": ["common/base"],
    "common/hidden_state": ["common/base"],
    "common/hidden_state/client": ["common/base", "common/hidden_state"],
    "common/hidden_state/codec": ["common/base"],
    "common/hidden_state/wire": ["common/base", "common/hidden_state"],
    "common/job": ["common/base", "common/config"],
    "common/lifecycle": [],
    "common/rpc": ["common/base", "common/config"],
    "data": ["common/base", "common/config", "common/job"],
    "nn/blocks": ["tests/golden"],
    "nn/census": ["common/job", "nn/models"],
    "nn/losses": ["common/job"],
    "nn/models": ["common/base", "common/job", "nn/blocks", "tests/golden"],
    "train": ["common", "data", "nn/losses", "nn/models", "train"],
    "train/checkpoint": ["common/base", "train/formats"],
    "train/collective": ["common/base", "train/ranks"],
    "train/formats": ["common/base"],
    "train/metrics": ["common/base", "common/job", "data"],
    "train/optim": ["common/base", "common/job"],
    "train/ranks": ["common/base"],
    "train/report": ["common/base", "data"],
    "train/strategies": ["common/base", "common/job", "data"],
    "train/tensor": ["common/base", "common/hidden_state", "common/job"],
    "proto": [],
    "services/cache": ["common", "services/cache", "services/http", "services/shell"],
    "services/cache/control": ["common/base", "common/rpc", "services/cache/node"],
    "services/cache/node": ["common/base", "common/hidden_state", "services/cache/pool"],
    "services/cache/pool": ["common/base", "common/hidden_state"],
    "services/cache/redis": ["common/base", "common/config", "common/hidden_state", "services/cache/node"],
    "services/coordinator": ["common", "services/coordinator", "services/http", "services/shell"],
    "services/coordinator/access": ["common/base"],
    "services/coordinator/engine": ["common/base", "services/coordinator/journal", "services/coordinator/state"],
    "services/coordinator/journal": ["common/base", "services/coordinator/state"],
    "services/coordinator/logs": ["common/base"],
    "services/coordinator/state": ["common/base", "common/config", "common/job", "common/lifecycle"],
    "services/http": ["common/base"],
    "services/shell": ["common/base", "common/config"],
    "services/worker": ["common", "services/http", "services/shell", "services/worker"],
    "services/worker/device": ["common/base"],
    "services/worker/rank": ["common/base", "common/lifecycle", "services/worker/device"],
    "docs/examples": ["common/config", "common/job", "nn/blocks", "nn/models"],
    "cli/ctl": ["common", "cli/ctl"],
    "cli/vsr": ["common", "data", "nn/census", "nn/models", "train"],
    "tests": ["common", "data", "nn", "train"],
    "tests/bench/cache": ["common", "services/cache/node", "services/cache/redis"],
    "tests/bench/coordinator": ["common"],
    "tests/cache": ["common", "services/cache/node"],
}

# Where the headers of a world may appear (docs/architecture.md: LibTorch never meets gRPC).
WORLDS = {
    "LibTorch": (re.compile(r"^(torch|ATen|c10|caffe2)/"),
                 ("nn", "train", "cli/vsr", "docs/examples", "tests/bench", "tests/golden")),
    "gRPC": (re.compile(r"^(grpc|grpcpp|google/protobuf)/"), ("proto", "services", "cli/ctl", "common/rpc", "tests/bench/coordinator")),
}
# Folders of `train` that run under the sanitizers, without LibTorch.
TORCH_FREE = ("train/formats", "train/metrics", "train/ranks", "train/report", "train/strategies")

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")


def rule_of(folder: str):
    names = [name for name in ALLOWED if within(folder, name)]
    return max(names, key=len) if names else None


def violations(root: pathlib.Path):
    ours = tuple(path.name for path in root.iterdir() if path.is_dir())
    for source in sorted(root.rglob("*")):
        relative = source.relative_to(root).as_posix()
        if source.suffix not in (".h", ".cc", ".cu") or relative.split("/")[0] in ("build", ".venv"):
            continue
        folder = source.parent.relative_to(root).as_posix()
        rule = rule_of(folder)
        if rule is None:
            yield f"{relative}: folder '{folder}' is not in tests/layers_test.py"
            continue
        for quoted, angled in INCLUDE.findall(source.read_text()):
            header = quoted or angled
            for world, (pattern, homes) in WORLDS.items():
                outside = not any(within(folder, home) for home in homes)
                if pattern.match(header) and (outside or (world == "LibTorch" and folder in TORCH_FREE)):
                    yield f"{relative}: includes {header}, but {world} has no place in '{folder}'"
            if quoted and quoted.split("/")[0] in ours:
                target = quoted.rsplit("/", 1)[0]
                allowed = [rule, folder, *ALLOWED[rule]]
                if not any(within(target, name) for name in allowed):
                    yield f"{relative}: includes {quoted}, but '{rule}' may include only {ALLOWED[rule]}"


def main() -> int:
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "includes point one way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
