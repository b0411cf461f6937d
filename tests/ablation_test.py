"""Every job of configs/ablation runs ten steps, its network, frames and sequences made small."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from pictures import write_frames

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
SMALL = {
    "spec.model.embed_dim": 8, "spec.model.depths": "[2]", "spec.model.heads": "[2]",
    "spec.model.mid_channels": 4, "spec.model.tail_channels": 4,
    "spec.data.eval": "[]", "spec.data.workers": 1, "spec.train.iterations": 10, "spec.train.global_batch": 1,
    "spec.train.threads": 1,
}


def run(config: pathlib.Path, frames: pathlib.Path, folder: pathlib.Path) -> list[dict]:
    command = [PROGRAM, "train", str(config), "--run-dir", str(folder), "--device", "cpu", "--log-format", "json"]
    shorter = {"clip_frames": 8} if "{type: plain" in config.read_text() else {"sequence_frames": 20}
    others = {f"spec.strategy.{name}": value for name, value in shorter.items()}
    for field, value in (SMALL | others | {"spec.data.train": f"{{path: {frames}, crop: 16}}"}).items():
        command += ["--set", f"{field}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{config.name}: exit code {done.returncode}\n{done.stderr}")
    metrics = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in metrics]


class Ablation(unittest.TestCase):
    def test_every_job_takes_ten_steps(self):
        configs = sorted((ROOT / "configs/ablation").glob("*.yaml"))
        self.assertGreater(len(configs), 10)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_frames(folder / "frames", 24, 96, 96)
            for config in configs:
                with self.subTest(config=config.name):
                    lines = run(config, folder / "frames", folder / config.stem)
                    steps = [line for line in lines if "loss" in line]
                    self.assertEqual(steps[-1]["step"], 10)
                    self.assertTrue(all(0 < step["loss"] < 10 for step in steps))

    def test_the_table_of_the_readme_names_every_job(self):
        readme = (ROOT / "configs/ablation/README.md").read_text()
        for config in (ROOT / "configs/ablation").glob("*.yaml"):
            self.assertIn(f"`{config.stem}`", readme)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
