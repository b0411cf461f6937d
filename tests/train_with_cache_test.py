"""`lrti-vsr train` with its states in a real lrti-cache: equal runs, shared states, a cache that dies."""

import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from cluster import Cache
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


class TrainWithCacheTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-cached-"))
        self.addCleanup(shutil.rmtree, self.folder)
        write_frames(self.folder / "frames", 16, 96, 96)

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
            with Cache(self.folder, CACHE) as cache:
                for where, endpoint in cache.endpoints().items():
                    with self.subTest(strategy=name, where=where):
                        run = f"{name}-{where.replace(' ', '-')}"
                        before = cache.metric("lrti_cache_requests_total")
                        events = self.train(run, dtype, *self.service(endpoint), strategy=strategy)
                        self.assertEqual(self.recomputed(events), 0)
                        self.assertEqual(self.weights(run), self.weights(f"{name}-memory"))
                        self.assertGreater(cache.metric("lrti_cache_requests_total"), before)
                        self.assertGreater(cache.metric("lrti_cache_request_duration_seconds_count", 'op="put"'), 0)
                        self.assertEqual(cache.metric("lrti_cache_states"), 0, "a run's states end with it")

    def test_states_that_leave_the_process_are_bf16_unless_the_job_says_otherwise(self):
        self.train("memory", "spec.cache.dtype=bf16")
        with Cache(self.folder, CACHE) as cache:
            self.train("service", *self.service(cache.endpoints()["shared memory"]))
        self.assertEqual(self.weights("service"), self.weights("memory"))

    def test_a_cache_that_dies_costs_recomputation_and_a_warning(self):
        with Cache(self.folder, CACHE) as cache:
            process = self.start("run", *self.service(cache.endpoints()["shared memory"], deadline="200ms"), iterations=12)
            events = []
            for line in process.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == "step" and events[-1]["step"] == 2:
                    cache.kill()
            self.assertEqual(process.wait(timeout=120), 0, process.stderr.read())
            process.stderr.close()
            process.stdout.close()
        self.assertEqual(events[-1]["event"], "finished")
        self.assertGreater(self.recomputed(events), 0)
        warnings = [event["message"] for event in events if event["event"] == "warning"]
        self.assertTrue(any("recomputed" in text and "cache.sock" in text for text in warnings), warnings)

    def test_trainers_of_a_job_share_the_states_of_all_videos(self):
        with Cache(self.folder, CACHE) as cache:
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
