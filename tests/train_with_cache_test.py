"""`lrti-vsr train` with its states in a real lrti-cache: equal runs, shared states, a cache that dies."""

import contextlib
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from pictures import write_frames

TRAINER, CACHE = sys.argv[1], sys.argv[2]
JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {{name: test}}
spec:
  model: {{type: basicvsr, channels: 4, blocks: 1, tail_channels: 4, flow: none}}
  data: {{train: {{path: {frames}, crop: 16}}, eval: []}}
  strategy: {strategy}
  optimizer: {{lr: 1e-3}}
  train: {{iterations: {iterations}, global_batch: 1, checkpoint_every: 0, eval_every: 0, log_every: 1, threads: 1}}
"""
TB = "{type: tb, clip_frames: 3, sequence_frames: 8, clips_per_sequence: 3}"
PI = "{type: pi, clip_frames: 3, repeats: 4}"


class Cache:
    def __init__(self, folder):
        command = [CACHE, "--pool-mib", "64", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--http", "127.0.0.1:0",
                   "--socket", str(folder / "cache.sock")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.where = {}
        for line in self.process.stdout:
            if match := re.fullmatch(r"  (\w+) +(.*)\n", line):
                self.where[match[1]] = match[2]
            if "redis" in self.where:
                return
        raise AssertionError(f"lrti-cache ended with {self.process.wait()}")

    def endpoints(self):
        return {"shared memory": f"unix:{self.where['socket']}", "tcp": f"tcp://{self.where['data']}"}

    def metric(self, name, *labels):
        """The sum of a metric's values whose labels contain all of `labels`."""
        text = urllib.request.urlopen(self.where["http"], timeout=20).read().decode()
        lines = [line for line in text.splitlines() if line.startswith(name) and all(label in line for label in labels)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class TrainWithCacheTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-cached-"))
        self.addCleanup(shutil.rmtree, self.folder)
        write_frames(self.folder / "frames", 16, 96, 96)

    @contextlib.contextmanager
    def cache(self):
        with contextlib.closing(Cache(self.folder)) as cache:
            yield cache

    def start(self, run, *fields, strategy=TB, iterations=6):
        job = self.folder / f"{run}.yaml"
        job.write_text(JOB.format(frames=self.folder / "frames", strategy=strategy, iterations=iterations))
        command = [TRAINER, "train", str(job), "--device", "cpu", "--run-dir", str(self.folder / run), "--log-format", "json"]
        for field in fields:
            command += ["--set", field]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(self, run, *fields, **options):
        output, errors = self.start(run, *fields, **options).communicate(timeout=120)
        self.assertIn('"event":"finished"', output, errors)
        return [json.loads(line) for line in output.splitlines()]

    def service(self, endpoint, **fields):
        others = [f"spec.cache.{name}={value}" for name, value in fields.items()]
        return ["spec.cache.mode=service", f"spec.cache.endpoints=['{endpoint}']", "spec.cache.deadline=5s", *others]

    def weights(self, run):
        (newest,) = (self.folder / run / "checkpoints").iterdir()
        return hashlib.sha256((newest / "model.safetensors").read_bytes()).hexdigest()

    def recomputed(self, events):
        return [event["recomputed_states"] for event in events if event["event"] == "step"][-1]

    def test_a_run_is_the_same_wherever_its_states_lie(self):
        for name, strategy, dtype in (("tb", TB, "fp32"), ("pi", PI, "fp32"), ("int8", TB, "int8")):
            dtype = f"spec.cache.dtype={dtype}"
            self.train(f"{name}-memory", dtype, strategy=strategy)
            with self.cache() as cache:
                for where, endpoint in cache.endpoints().items():
                    with self.subTest(strategy=name, where=where):
                        run = f"{name}-{where.replace(' ', '-')}"
                        before = cache.metric("lrti_cache_requests_total")
                        events = self.train(run, dtype, *self.service(endpoint), strategy=strategy)
                        self.assertEqual(self.recomputed(events), 0)
                        self.assertEqual(self.weights(run), self.weights(f"{name}-memory"))
                        self.assertGreater(cache.metric("lrti_cache_requests_total"), before)
                        self.assertEqual(cache.metric("lrti_cache_states"), 0, "a run's states end with it")

    def test_a_cache_that_dies_costs_recomputation_and_a_warning(self):
        with self.cache() as cache:
            process = self.start("run", *self.service(cache.endpoints()["shared memory"], deadline="200ms"), iterations=12)
            events = []
            for line in process.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == "step" and events[-1]["step"] == 2:
                    cache.close()
            self.assertEqual(process.wait(timeout=120), 0, process.stderr.read())
            process.stderr.close()
            process.stdout.close()
        self.assertEqual(events[-1]["event"], "finished")
        self.assertGreater(self.recomputed(events), 0)
        warnings = [event["message"] for event in events if event["event"] == "warning"]
        self.assertTrue(any("recomputed" in text and "cache.sock" in text for text in warnings), warnings)

    def test_trainers_of_a_job_share_the_states_of_all_videos(self):
        with self.cache() as cache:
            endpoints = cache.endpoints()
            options = {"strategy": PI, "iterations": 4}  # one epoch
            self.train("first", *self.service(endpoints["shared memory"], share="both"), **options)
            stored = cache.metric("lrti_cache_received_bytes_total")
            states = cache.metric("lrti_cache_states")
            self.assertGreater(states, 0)
            events = self.train("second", *self.service(endpoints["tcp"], share="both"), **options)
            self.assertEqual(cache.metric("lrti_cache_received_bytes_total"), stored, "it made none of its own")
            self.assertEqual(cache.metric("lrti_cache_states"), states)
            self.assertEqual(self.recomputed(events), 0)
            self.assertEqual(self.weights("second"), self.weights("first"))

    def test_a_cache_that_is_not_there_is_a_warning_too(self):
        events = self.train("run", *self.service(f"unix:{self.folder}/nobody.sock", deadline="50ms"))
        self.assertGreater(self.recomputed(events), 0)

    def test_bad_fields_are_refused_by_name(self):
        for fields, words in ((["spec.cache.mode=service"], "spec.cache.mode"),
                              (["spec.cache.endpoints=['unix:/x']"], "spec.cache.endpoints"),
                              (["spec.cache.share=all"], "spec.cache.share"),
                              (self.service("http://here"), "spec.cache.endpoints")):
            with self.subTest(fields=fields):
                process = self.start("refused", *fields)
                errors = process.communicate(timeout=60)[1]
                self.assertEqual(process.returncode, 2, errors)
                self.assertIn(words, errors)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
