"""`lrti-vsr train` as its users run it: a whole run, signals, resuming, and everything that can be wrong."""

import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
CLIP = ROOT / "tests/data/bigbuckbunny.mp4"

JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {{name: test}}
spec:
  model: {{type: basicvsr, channels: 4, blocks: 1, tail_channels: 4, flow: none}}
  data:
    train: {{path: {clip}, last_frame: 15, crop: 16}}
    eval: [{{name: unseen, path: {clip}, first_frame: 16, last_frame: 19, crop: 16}}]
  strategy: {{type: tb, clip_frames: 3, sequence_frames: 8, clips_per_sequence: 3}}
  optimizer: {{lr: 1e-3}}
  train: {{iterations: 8, global_batch: 1, checkpoint_every: 4, eval_every: 0, log_every: 1, threads: 1}}
"""


class TrainTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-train-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.job = self.folder / "job.yaml"
        self.job.write_text(JOB.format(clip=CLIP))

    def train(self, *arguments, run="run", **options):
        command = [PROGRAM, "train", str(self.job), "--device", "cpu", "--run-dir", str(self.folder / run), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)

    def start(self, *arguments, run="run", **options):
        command = [PROGRAM, "train", str(self.job), "--device", "cpu", "--run-dir", str(self.folder / run),
                   "--log-format", "json", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def checkpoints(self, run="run"):
        return sorted(path.name for path in (self.folder / run / "checkpoints").iterdir())

    def digest(self, name, run):
        newest = self.folder / run / "checkpoints" / self.checkpoints(run)[-1]
        return hashlib.sha256((newest / name).read_bytes()).hexdigest()

    def assert_refused(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertNotIn("terminate called", result.stderr)

    # A run.

    def test_a_run_leaves_what_a_person_expects(self):
        result = self.train()
        self.assertEqual(result.returncode, 0, result.stderr)
        run = self.folder / "run"
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], list(range(1, 9)))
        self.assertEqual(self.checkpoints(), ["step-00000004", "step-00000008"])
        results = json.loads((run / "results.json").read_text())
        unseen = results["sets"]["unseen"]
        self.assertEqual(results["step"], 8)
        frames = unseen["clips"]["bigbuckbunny"]
        self.assertEqual([frame["frame"] for frame in frames], [16, 17, 18, 19])
        self.assertAlmostEqual(unseen["psnr"], sum(frame["psnr"] for frame in frames) / 4)
        self.assertGreater(unseen["bicubic_psnr"], 20)
        pictures = list((run / "samples").glob("*.png"))
        self.assertEqual(len(pictures), 1)
        self.assertTrue(pictures[0].read_bytes().startswith(b"\x89PNG"))
        self.assertEqual(len(list(run.glob("events.out.tfevents.*"))), 1)
        self.assertIn("bicubic", result.stdout)
        self.assertIn(str(pictures[0]), result.stdout)
        # The resolved config is a job again, and gives the same weights.
        self.job.write_text((run / "config.yaml").read_text())
        self.assertEqual(self.train(run="again").returncode, 0)
        self.assertEqual(self.digest("model.safetensors", "run"), self.digest("model.safetensors", "again"))

    def test_events_go_to_stdout_and_to_the_descriptor(self):
        read, write = os.pipe()
        with os.fdopen(read) as reader:
            result = self.train("--log-format", "json", pass_fds=[write], env={**os.environ, "LRTI_EVENT_FD": str(write)})
            os.close(write)
            piped = [json.loads(line) for line in reader]
        events = [json.loads(line) for line in result.stdout.splitlines()]
        for seen in (events, piped):
            kinds = [event["event"] for event in seen if event["event"] != "heartbeat"]
            self.assertEqual(kinds[0], "started")
            self.assertEqual(kinds[-1], "finished")
            self.assertEqual(kinds.count("step"), 8)
            self.assertIn("eval", kinds)
            self.assertIn("checkpoint", kinds)
            self.assertEqual([event["seq"] for event in seen], list(range(1, len(seen) + 1)))
        self.assertTrue(any(event["event"] == "heartbeat" for event in events))

    def test_an_evaluation_of_its_checkpoint_gives_the_runs_results(self):
        self.assertEqual(self.train().returncode, 0)
        run = self.folder / "run"
        result = subprocess.run([PROGRAM, "eval", str(self.job), "--checkpoint", str(run / "checkpoints/step-00000008"),
                                 "--device", "cpu", "--json"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["sets"], json.loads((run / "results.json").read_text())["sets"])

    # Stopping and resuming.

    def test_sigterm_saves_and_a_resumed_run_equals_an_unbroken_one(self):
        self.assertEqual(self.train(run="unbroken").returncode, 0)
        process = self.start(run="broken")
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "step" and event["step"] == 2:
                process.send_signal(signal.SIGTERM)
                break
        rest = [json.loads(line) for line in process.stdout]
        self.assertEqual(process.wait(60), 0, process.stderr.read())
        process.stdout.close(), process.stderr.close()
        self.assertEqual(rest[-1]["reason"], "stopped")
        stopped_at = rest[-1]["step"]
        self.assertLess(stopped_at, 8)
        self.assertEqual(self.checkpoints("broken")[-1], f"step-{stopped_at:08}")

        result = self.train("--resume", run="broken")

        self.assertEqual(result.returncode, 0, result.stderr)
        for name in ("model.safetensors", "ema.safetensors", "optimizer.safetensors"):
            self.assertEqual(self.digest(name, "unbroken"), self.digest(name, "broken"), name)
        steps = [json.loads(line)["step"] for line in (self.folder / "broken/metrics.jsonl").read_text().splitlines()]
        self.assertEqual(steps, list(range(1, 9)))

    def test_a_second_ctrl_c_leaves_at_once(self):
        process = self.start("--set", "spec.train.iterations=100000", "--set", "spec.strategy.sequence_frames=8")
        for line in process.stdout:
            if json.loads(line)["event"] == "step":
                break
        process.send_signal(signal.SIGSTOP)  # so that both signals are there before it can act on one
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (0, 130))  # 0 where the first was through already

    def test_a_torn_checkpoint_is_refused_by_name_and_an_older_one_taken(self):
        self.assertEqual(self.train().returncode, 0)
        newest = self.folder / "run/checkpoints/step-00000008/model.safetensors"
        newest.write_bytes(newest.read_bytes()[:-7])
        result = self.train("--resume")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("step-00000008", result.stderr)
        self.assertIn("model.safetensors", result.stderr)
        self.assertIn("goes on from step 4", result.stderr)

    def test_a_checkpoint_of_another_network_names_what_differs(self):
        self.assertEqual(self.train().returncode, 0)
        result = self.train("--resume", "--set", "spec.model.blocks=2")
        self.assert_refused(result, 2, "step-00000008", "backward_trunk.main.2.1.conv1.weight")

    def test_a_run_directory_in_use_is_not_written_over(self):
        self.assertEqual(self.train().returncode, 0)
        before = self.digest("model.safetensors", "run")
        self.assert_refused(self.train(), 2, "--resume")
        self.assertEqual(self.digest("model.safetensors", "run"), before)

    def test_a_full_disk_leaves_no_half_checkpoint(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        result = self.train(preexec_fn=small_files)
        self.assert_refused(result, 1, "checkpoints")
        self.assertEqual(self.checkpoints(), [])

    def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(self):
        result = self.train("--set", "spec.optimizer.lr=1.0", "--set", "spec.optimizer.schedule.type=constant",
                            "--set", "spec.optimizer.epsilon=0.0", "--set", "spec.train.iterations=2000",
                            "--set", "spec.train.checkpoint_every=1", "--set", "spec.loss.epsilon=0.0",
                            "--set", "spec.data.eval=[]")
        self.assert_refused(result, 1, "no weight was changed", "the newest checkpoint is")
        self.assertTrue(self.checkpoints())

    # Bad input: exit code 2, nothing written.

    def assert_bad_input(self, overrides, *words):
        sets = [part for override in overrides for part in ("--set", override)]
        self.assert_refused(self.train(*sets), 2, *words)
        self.assertFalse((self.folder / "run").exists())

    def test_bad_configs(self):
        for override, words in [
            ("spec.train.iteratons=5", ["spec.train.iteratons", "iterations"]),
            ("spec.train.iterations=soon", ["spec.train.iterations", "soon"]),
            ("spec.strategy.clip_frames=0", ["spec.strategy.clip_frames", "below 1"]),
            ("spec.strategy.type=tbb", ["tbb", "plain"]),
            ("spec.strategy.clip_frames=8", ["spec.strategy"]),
            ("spec.data.train.crop=500", ["crop", "500", "320x180"]),
            ("spec.data.train.last_frame=3", ["spec.strategy.sequence_frames", "needs 8 frames"]),
            ("spec.data.train.path=nowhere.mp4", ["nowhere.mp4"]),
            ("spec.data.eval.0.crop_border=31", ["unseen", "SSIM"]),
        ]:
            with self.subTest(override=override):
                self.assert_bad_input([override], *words)

    def test_bad_videos(self):
        data = CLIP.read_bytes()
        for name, content, code, word in [
            ("text.mp4", b"no video at all\n" * 100, (1, 2), "text.mp4"),
            ("half.mp4", data[: len(data) // 2], (1, 2), "half.mp4"),
            ("empty.mp4", b"", (1, 2), "empty.mp4"),
        ]:
            with self.subTest(name=name):
                path = self.folder / name
                path.write_bytes(content)
                result = self.train("--set", f"spec.data.train.path={path}")
                self.assertIn(result.returncode, code, result.stderr)
                self.assertIn(word, result.stderr)
                self.assertFalse((self.folder / "run").exists())

    def test_a_folder_for_runs_that_cannot_be_looked_at(self):
        (self.folder / "runs").symlink_to("runs")  # leads to itself
        result = subprocess.run([PROGRAM, "train", str(self.job), "--device", "cpu"], cwd=self.folder, capture_output=True,
                                text=True, timeout=120)
        self.assertGreater(result.returncode, 0, result.stderr)
        self.assertIn("error: runs/test", result.stderr)

    def test_an_altered_manifest_is_a_failure_that_is_told(self):
        self.assertEqual(self.train("--set", "spec.train.iterations=4").returncode, 0)
        manifest = self.folder / "run/checkpoints/step-00000004/manifest.json"
        content = json.loads(manifest.read_text())
        content["extra"]["state_steps"] = "none"
        manifest.write_text(json.dumps(content))
        result = self.train("--resume", "--log-format", "json")
        self.assert_refused(result, 1, "state_steps")
        self.assertEqual(json.loads(result.stdout.splitlines()[-1])["event"], "failed")

    def test_bad_flags(self):
        for arguments in (["--device", "tpu"], ["--device", "cuda:x"], ["--log-format", "xml"], ["--no-such-flag"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.train(*arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
