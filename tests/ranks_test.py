"""`lrti-vsr train` as several ranks: what they learn, and what happens when one stops, dies, or comes back."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from cluster import Cache
from pictures import write_frames

TRAINER = sys.argv[1]
CACHE = sys.argv[2] if len(sys.argv) > 2 else None
JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {{name: test}}
spec:
  model: {{type: basicvsr, channels: 4, blocks: 1, tail_channels: 4, flow: none}}
  data:
    train: {{path: {videos}, crop: 16}}
    eval: [{{name: seen, path: {videos}, last_frame: 2, crop: 16}}]
  strategy: {{type: tb, clip_frames: 3, sequence_frames: 8, clips_per_sequence: 3}}
  optimizer: {{lr: 1e-3, schedule: {{type: constant}}}}
  train: {{iterations: 8, global_batch: 2, checkpoint_every: 4, eval_every: 0, log_every: 1, threads: 1}}
"""
PI = "spec.strategy={type: pi, clip_frames: 3, repeats: 3}"
PLAIN = "spec.strategy={type: plain, clip_frames: 3}"
FOREVER = ("spec.train.iterations=1000000", "spec.train.checkpoint_every=0", "spec.data.eval=[]")


def children(pid):
    """Ranks of a launcher, by number."""
    ranks = {}
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        environment = pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ranks.update({int(line[5:]): int(child) for line in environment if line.startswith(b"RANK=")})
    return ranks


class RanksTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-ranks-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "videos").mkdir()
        for i, name in enumerate(("a", "b", "c")):
            write_frames(self.folder / "videos" / name, 10 + i, 96, 96)
        self.job = self.folder / "job.yaml"
        self.job.write_text(JOB.format(videos=self.folder / "videos"))

    def start(self, run, *fields, arguments=(), environment=None, **options):
        """Starts a run; its events, of all ranks, go to the file RUN.events."""
        command = [TRAINER, "train", str(self.job), "--device", "cpu", "--run-dir", str(self.folder / run), *arguments]
        for field in fields:
            command += ["--set", field]
        with open(self.folder / f"{run}.events", "ab") as events:
            variables = {**os.environ, "LRTI_EVENT_FD": str(events.fileno()), **(environment or {})}
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    env=variables, pass_fds=[events.fileno()], **options)

    def train(self, run, *fields, code=0, **options):
        process = self.start(run, *fields, **options)
        errors = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, code, errors)
        return errors

    def events(self, run, kind=None, rank=None):
        lines = (self.folder / f"{run}.events").read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events
                if kind in (None, event["event"]) and (rank is None or event.get("rank") == rank)]

    def wait_for_step(self, process, run, step):
        while not any(event["step"] >= step for event in self.events(run, "step")):
            self.assertIsNone(process.poll(), "ended too early")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.02)

    def ending(self, process):
        errors = process.communicate(timeout=60)[1]
        return process.returncode, errors

    def digests(self, run, names=("model", "ema", "optimizer")):
        newest = sorted((self.folder / run / "checkpoints").iterdir())[-1]
        return {name: hashlib.sha256((newest / f"{name}.safetensors").read_bytes()).hexdigest() for name in names}

    def steps(self, run):
        return [json.loads(line)["step"] for line in (self.folder / run / "metrics.jsonl").read_text().splitlines()]

    # What they learn.

    def test_two_ranks_do_what_one_does_that_takes_one_clip_at_a_time(self):
        for name, field in (("tb", "spec.train.seed=1"), ("pi", PI), ("plain", PLAIN)):
            with self.subTest(strategy=name):
                self.train(f"{name}-one", field, "spec.train.micro_batch=1")
                self.train(f"{name}-two", field, arguments=["--ranks", "2"])
                self.assertEqual(self.digests(f"{name}-two"), self.digests(f"{name}-one"))
                results = [json.loads((self.folder / f"{name}-{n}/results.json").read_text()) for n in ("one", "two")]
                self.assertEqual(results[0], results[1])
                self.assertEqual(self.steps(f"{name}-two"), list(range(1, 9)))

    def test_every_rank_reports_and_the_first_alone_saves_and_measures(self):
        self.train("run", arguments=["--ranks", "2"])
        for rank in (0, 1):
            kinds = [event["event"] for event in self.events("run", rank=rank) if event["event"] != "heartbeat"]
            self.assertEqual((kinds[0], kinds[-1], kinds.count("step")), ("started", "finished", 8))
            self.assertEqual(self.events("run", "started", rank)[0]["world_size"], 2)
            self.assertTrue(self.events("run", "heartbeat", rank))
        self.assertEqual({event["rank"] for kind in ("checkpoint", "eval") for event in self.events("run", kind)}, {0})
        self.assertEqual([event["loss"] for event in self.events("run", "step", 0)],
                         [event["loss"] for event in self.events("run", "step", 1)])

    def test_a_run_goes_on_with_another_number_of_ranks(self):
        self.train("unbroken", PLAIN, "spec.train.iterations=12", "spec.train.micro_batch=1")
        self.train("run", PLAIN, "spec.train.iterations=4", arguments=["--ranks", "2"])
        self.train("run", PLAIN, "spec.train.iterations=8", "spec.train.micro_batch=1", arguments=["--continue"])
        self.train("run", PLAIN, "spec.train.iterations=12", arguments=["--continue", "--ranks", "2"])
        self.assertEqual(self.digests("run"), self.digests("unbroken"))
        self.assertEqual([event.get("resumed_from") for event in self.events("run", "started")], [None, None, 4, 8, 8])
        self.assertEqual(self.steps("run"), list(range(1, 13)))

    # One stops, or dies.

    def test_sigterm_stops_all_after_the_same_step_and_the_run_goes_on(self):
        process = self.start("run", *FOREVER, arguments=["--ranks", "2"])
        self.wait_for_step(process, "run", 3)
        process.send_signal(signal.SIGTERM)
        code, errors = self.ending(process)
        self.assertEqual(code, 0, errors)
        finished = self.events("run", "finished")
        self.assertEqual([event["reason"] for event in finished], ["stopped", "stopped"])
        self.assertEqual(finished[0]["step"], finished[1]["step"])
        stopped_at = finished[0]["step"]
        self.assertEqual([event["step"] for event in self.events("run", "checkpoint")], [stopped_at])

        self.train("run", f"spec.train.iterations={stopped_at + 2}", arguments=["--ranks", "2", "--continue"])

        self.assertEqual(self.steps("run"), list(range(1, stopped_at + 3)))

    def test_when_one_is_killed_the_others_say_try_again_and_the_run_goes_on(self):
        for victim in (0, 1):
            with self.subTest(victim=victim):
                run = f"without-{victim}"
                process = self.start(run, "spec.train.iterations=1000000", "spec.train.checkpoint_every=2",
                                     "spec.data.eval=[]", arguments=["--ranks", "2"])
                self.wait_for_step(process, run, 3)
                os.kill(children(process.pid)[victim], signal.SIGKILL)
                code, errors = self.ending(process)
                self.assertEqual(code, 75, errors)
                self.assertIn(f"rank {victim} was killed by signal 9", errors)
                (failed,) = self.events(run, "failed")
                self.assertEqual((failed["rank"], failed["code"]), (1 - victim, "UNAVAILABLE"))
                self.assertIn("another rank was lost", failed["message"])

                self.train(run, "spec.train.iterations=1", arguments=["--ranks", "2", "--continue"])

                self.assertGreaterEqual(self.events(run, "started")[-1]["resumed_from"], 2)

    def test_when_the_launcher_dies_its_ranks_save_and_stop(self):
        process = self.start("run", *FOREVER, arguments=["--ranks", "2"])
        self.wait_for_step(process, "run", 3)
        process.kill()
        process.communicate(timeout=60)  # both hold the pipes until they end
        self.assertEqual([event["reason"] for event in self.events("run", "finished")], ["stopped", "stopped"])

    # Attempts.

    def test_a_newer_attempt_takes_the_run_over(self):
        older = self.start("run", "spec.train.iterations=1000000", "spec.train.checkpoint_every=1", "spec.data.eval=[]",
                           environment={"LRTI_ATTEMPT": "1"})
        self.wait_for_step(older, "run", 2)
        self.train("run", "spec.train.iterations=1", arguments=["--continue"], environment={"LRTI_ATTEMPT": "2"})
        code, errors = self.ending(older)
        self.assertEqual(code, 75, errors)
        self.assertIn("superseded by attempt 2", errors)
        self.assertEqual((self.folder / "run/attempt").read_text(), "2\n")
        errors = self.train("run", arguments=["--continue"], environment={"LRTI_ATTEMPT": "1"}, code=75)
        self.assertIn("superseded by attempt 2", errors)

    def test_two_trainers_do_not_write_to_one_run(self):
        process = self.start("run", *FOREVER)
        self.wait_for_step(process, "run", 1)
        self.assertIn("another trainer writes", self.train("run", arguments=["--continue"], code=2))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.ending(process)[0], 0)

    # States in a cache.

    @unittest.skipIf(CACHE is None, "built without services")
    def test_ranks_share_the_long_passes_of_an_epoch_through_a_cache(self):
        self.train("memory", PI, arguments=["--ranks", "2"])
        stored = {}
        for name, arguments in (("one", []), ("two", ["--ranks", "2"])):
            with Cache(self.folder, CACHE) as cache:
                self.train(name, PI, "spec.cache.mode=service", "spec.cache.dtype=fp32", "spec.cache.deadline=5s",
                           "spec.train.micro_batch=1", arguments=arguments, environment={"LRTI_CACHE_ENDPOINTS": cache.endpoints()["shared memory"]})
                stored[name] = cache.metric("lrti_cache_received_bytes_total")
                self.assertEqual(cache.metric("lrti_cache_states"), 0, "a run's states end with it")
            self.assertEqual(self.events(name, "step")[-1]["recomputed_states"], 0)
            self.assertEqual(self.digests(name), self.digests("memory"))
        self.assertGreater(stored["one"], 0)
        self.assertEqual(stored["two"], stored["one"], "each state was made once")

    # What cannot be.

    def test_bad_ranks_are_refused_by_name(self):
        for environment, arguments, words in (
            ({}, ["--ranks", "3"], "WORLD_SIZE: 3 does not divide spec.train.global_batch (2)"),
            ({}, ["--ranks", "0"], "--ranks"),
            ({"WORLD_SIZE": "2"}, [], "RANK: is not set"),
            ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "x"}, [], "MASTER_PORT: 'x'"),
            ({"LRTI_ATTEMPT": "first"}, [], "LRTI_ATTEMPT: 'first'"),
        ):
            with self.subTest(words=words):
                self.assertIn(words, self.train("run", arguments=arguments, environment=environment, code=2))
                self.assertFalse((self.folder / "run").exists())

    def test_a_run_whose_checkpoints_are_all_damaged_is_left_to_a_person(self):
        self.train("run", "spec.train.iterations=4")
        for checkpoint in (self.folder / "run/checkpoints").iterdir():
            (checkpoint / "model.safetensors").write_bytes(b"torn")
        errors = self.train("run", arguments=["--ranks", "2", "--continue"], code=93)
        self.assertIn("move the folder away", errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
