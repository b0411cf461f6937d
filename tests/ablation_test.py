"""Every job of configs/ablation runs ten steps, its network and its frames made small."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
SMALL = {
    "spec.model.embed_dim": 8, "spec.model.depths": "[2]", "spec.model.heads": "[2]",
    "spec.model.mid_channels": 4, "spec.model.tail_channels": 4,
    "spec.data.train": f"{{path: {ROOT}/tests/data/bigbuckbunny.mp4, crop: 16, last_frame: 43}}",
    "spec.data.eval": "[]", "spec.data.workers": 1, "spec.train.iterations": 10, "spec.train.threads": 1,
}


def run(config: pathlib.Path, folder: str) -> list[dict]:
    command = [PROGRAM, "train", str(config), "--run-dir", folder, "--device", "cpu", "--log-format", "json"]
    for field, value in SMALL.items():
        command += ["--set", f"{field}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{config.name}: exit code {done.returncode}\n{done.stderr}")
    metrics = pathlib.Path(folder, "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in metrics]


class Ablation(unittest.TestCase):
    def test_every_job_takes_ten_steps(self):
        configs = sorted((ROOT / "configs/ablation").glob("*.yaml"))
        self.assertGreater(len(configs), 10)
        for config in configs:
            with self.subTest(config=config.name), tempfile.TemporaryDirectory() as folder:
                steps = [line for line in run(config, folder + "/run") if "loss" in line]
                self.assertEqual(steps[-1]["step"], 10)
                self.assertTrue(all(0 < step["loss"] < 10 for step in steps))

    def test_the_table_of_the_readme_names_every_job(self):
        readme = (ROOT / "configs/ablation/README.md").read_text()
        for config in (ROOT / "configs/ablation").glob("*.yaml"):
            self.assertIn(f"`{config.stem}`", readme)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
