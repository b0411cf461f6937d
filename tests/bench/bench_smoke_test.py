"""Runs the whole benchmark at tiny sizes and looks for every row. Its one argument: lrti-bench-step."""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from pictures import write_frames  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
RUNS = ("plain-8", "plain-24", "plain-40", "tb-8")
NETWORKS = ("basicvsr", "basicvsr_plusplus", "frvsr", "psrt", "iiab", "lrti_vsr")


def expected_names(with_eager):
    for section in ("trained", "frozen"):
        for run in RUNS:
            yield f"{section}/step_time/{run}"
            yield f"{section}/memory/{run}"
        for above in ("plain-24", "plain-40"):
            yield f"{section}/time_ratio/{above}/tb-8"
            yield f"{section}/memory_ratio/{above}/tb-8"
        yield f"{section}/extra_time/tb-8/plain-8"
    if with_eager:
        yield "eager/step_time/ours"
        yield "eager/speed_ratio/eager/ours"
        for network in NETWORKS:
            for unit in ("step", "frame"):
                yield f"networks/{unit}_time/{network}"
                yield f"networks/{unit}_ratio/{network}"
    for run in ("kept", "recomputed"):
        yield f"checkpointing/step_time/{run}"
        yield f"checkpointing/memory/{run}"
    yield "checkpointing/memory_ratio/kept/recomputed"
    yield "checkpointing/extra_time/recomputed/kept"


def main():
    program = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        output, frames = pathlib.Path(folder) / "bench.json", pathlib.Path(folder) / "frames"
        write_frames(frames, 48, 160, 160)
        run = subprocess.run([sys.executable, HERE / "bench.py", "--smoke", "--threads", "1", "--clip", frames, "--bin", program.parent,
                              "--output", output], stdout=subprocess.PIPE, text=True, check=True)
        rows = json.loads(output.read_text(encoding="utf-8"))
    print(run.stdout)

    with_eager = (HERE.parents[1] / ".venv/bin/python").exists()
    assert with_eager or "PyTorch eager: skipped" in run.stdout
    assert sorted(row["name"] for row in rows) == sorted(expected_names(with_eager)), rows
    for row in rows:
        assert set(row) == {"name", "value", "unit", "reference", "peer"}, row
        assert math.isfinite(row["value"]), row
        assert row["value"] > 0 or "/extra_time/" in row["name"], row
        assert row["name"] in run.stdout, row


if __name__ == "__main__":
    main()
