"""Jobs on a cluster of real processes: they train, and survive the death of anything."""

import contextlib
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock

from cluster import Cluster, eventually
from pictures import write_frames

PROGRAMS = {pathlib.Path(path).name: path for path in sys.argv[1:]}
NVML = next(path for name, path in PROGRAMS.items() if name.startswith("libnvidia-ml"))
ITERATIONS = 60
JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {{name: {name}, project: demo}}
spec:
  model: {{type: basicvsr, channels: 4, blocks: 1, tail_channels: 4, flow: none}}
  data:
    train: {{path: {frames}, last_frame: 11, crop: 16}}
    eval: [{{name: unseen, path: {frames}, first_frame: 12}}]
  strategy: {{type: tb, clip_frames: 3, sequence_frames: 8, clips_per_sequence: 3}}
  optimizer: {{lr: 1e-3}}
  train: {{iterations: {iterations}, global_batch: 2, checkpoint_every: 10, eval_every: 0, log_every: 1, threads: 1}}
  cache: {{mode: service, dtype: fp32}}
  resources: {{gpus: 2}}
"""
QUICK_STALL = ["--set", "stall.step_least=6s", "--set", "stall.heartbeat=5s"]


class OnACluster(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-cluster-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        write_frames(self.folder / "frames", 16, 96, 96)
        self.cluster = self.make_cluster()
        self.addCleanup(self.cluster.close)

    def submit(self, name="job", iterations=ITERATIONS, *arguments):
        path = self.folder / f"{name}.yaml"
        path.write_text(JOB.format(name=name, frames=self.folder / "frames", iterations=iterations))
        return self.cluster.submit(path, *arguments)

    def transitions(self, job):
        shown = json.loads(self.cluster.ctl("events", job, "-o", "json"))
        return shown["transitions"] if isinstance(shown, dict) else shown

    def at_step(self, job, step, attempt=1):
        eventually(lambda: (self.cluster.steps(job, attempt) or [0])[-1] >= step, 90, f"{job} is at step {step}")

    def assert_succeeded(self, job, iterations=ITERATIONS, attempts=None):
        """It ended well, each step counts once, nothing it wrote is lost, nothing of it is left."""
        shown = self.cluster.wait(job)
        self.assertEqual((shown["state"], shown["end_reason"]), ("SUCCEEDED", "COMPLETED"), shown)
        if attempts is not None:
            self.assertEqual(shown["attempt"], attempts, shown)
        run = pathlib.Path(shown["run_dir"])
        steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(steps, list(range(1, iterations + 1)))
        for attempt in range(1, shown["attempt"] + 1):
            for rank in (0, 1):
                name = self.cluster.state / "logs" / job / str(attempt) / f"{rank}.events.end"
                eventually(name.exists, 30, f"all events of attempt {attempt} rank {rank} came")
                numbers = [event["seq"] for event in self.cluster.events(job, attempt, rank)]
                self.assertEqual(numbers, list(range(1, len(numbers) + 1)), (attempt, rank))
        eventually(lambda: not self.cluster.processes(" train ") and not self.cluster.processes(" shim "), 30,
                   "no process is left")
        usage = json.loads(self.cluster.ctl("usage", "-o", "json"))
        for row in usage["rows"] if isinstance(usage, dict) else usage:
            parts = row["productive_gpu_seconds"] + sum(row["wasted_gpu_seconds"].values())
            self.assertAlmostEqual(row["allocated_gpu_seconds"], parts, places=3)
        return shown


class ClusterTest(OnACluster):
    def make_cluster(self):
        return Cluster(self.folder, PROGRAMS,
                       coordinator_flags=["--set", "agents.lease=2s", "--set", "agents.lost_grace=30s"])

    def test_a_job_of_two_ranks_trains_through_the_cache(self):
        job = self.submit()
        shown = self.assert_succeeded(job, attempts=1)
        self.assertEqual(shown["ranks"], 0, "its slots are free again")
        self.assertGreater(self.cluster.cache.metric("lrti_cache_requests_total"), 0)
        self.assertEqual(self.cluster.coordinator.metric("lrti_jobs", 'state="SUCCEEDED"'), 1)
        self.assertIn("unseen", self.cluster.ctl("table", job) + json.dumps(shown) +
                      (pathlib.Path(shown["run_dir"]) / "results.json").read_text())
        self.assertEqual(self.transitions(job)[-1]["to"], "SUCCEEDED")

    def test_a_killed_rank_costs_a_restart(self):
        job = self.submit()
        self.at_step(job, 15)
        killed = datetime.datetime.now(datetime.timezone.utc)
        os.kill(self.cluster.trainer(job, 1), signal.SIGKILL)
        shown = self.assert_succeeded(job, attempts=2)
        self.assertEqual(int(shown["restarts"]["infra"]), 1)
        self.print_recovery(job, killed)

    def print_recovery(self, job, killed):
        """How the time from the kill to the next attempt's first step was spent."""
        moments = [("killed", killed)]
        for transition in self.transitions(job):
            if transition["to"] in ("RESTARTING", "PENDING", "ADMITTED", "STARTING"):
                moments.append((transition["to"], datetime.datetime.fromisoformat(transition["time"])))
        moments = [moments[0]] + [moment for moment in moments[1:] if moment[1] > killed]
        for event in self.cluster.events(job, 2, 0):
            if event["event"] in ("started", "step") and event["event"] not in dict(moments):
                moments.append((event["event"], datetime.datetime.fromisoformat(event["ts"])))
        split = ", ".join(f"{name} +{(at - before).total_seconds():.2f}"
                          for (_, before), (name, at) in zip(moments, moments[1:]))
        whole = (moments[-1][1] - killed).total_seconds()
        print(f"\nrank killed -> first new step: {whole:.2f} s ({split})", file=sys.stderr)
        self.assertEqual([name for name, _ in moments][-2:], ["started", "step"])

    def test_a_killed_agent_finds_its_ranks_again(self):
        job = self.submit()
        self.at_step(job, 10)
        self.cluster.agent.kill()
        self.assertIsNotNone(self.cluster.trainer(job, 0), "the trainer lives on")
        self.cluster.agent.start()
        self.assert_succeeded(job, attempts=1)

    def test_a_killed_coordinator_goes_on_where_it_was(self):
        job = self.submit()
        self.at_step(job, 10)
        self.cluster.coordinator.kill()
        trainer = self.cluster.trainer(job, 0)
        self.assertIsNotNone(trainer)
        time.sleep(2)
        self.cluster.coordinator.start()
        self.assert_succeeded(job, attempts=1)

    def test_a_killed_cache_costs_no_step(self):
        job = self.submit()
        self.at_step(job, 10)
        self.cluster.cache.kill()
        self.assert_succeeded(job, attempts=1)

    def test_pause_resume_and_cancel(self):
        job = self.submit(iterations=100000)
        self.at_step(job, 5)
        self.cluster.ctl("pause", job)
        eventually(lambda: self.cluster.job(job)["state"] == "PAUSED", 60, "it is paused")
        self.assertFalse(self.cluster.processes(" train "))
        self.cluster.ctl("resume", job)
        eventually(lambda: self.cluster.steps(job, 2), 60, "it goes on")
        started = [event for event in self.cluster.events(job, 2, 0) if event["event"] == "started"]
        self.assertGreaterEqual(started[0]["resumed_from"], 5)
        self.cluster.ctl("cancel", job)
        self.cluster.ctl("wait", job, "--timeout", "60s", code=103)
        self.assertFalse(self.cluster.processes(" train "))


class StalledRankTest(OnACluster):
    def make_cluster(self):
        return Cluster(self.folder, PROGRAMS, worker_flags=QUICK_STALL)

    def test_a_stopped_rank_is_named_and_replaced(self):
        job = self.submit()
        self.at_step(job, 15)
        os.kill(self.cluster.trainer(job, 1), signal.SIGSTOP)
        shown = self.assert_succeeded(job)
        transitions = self.cluster.ctl("events", job, "-o", "json")
        self.assertIn("STALLED", transitions)
        self.assertIn("rank 1", transitions)
        self.assertGreaterEqual(int(shown["restarts"]["infra"]), 1)


class LostGpuTest(OnACluster):
    """An agent of three GPUs, as an NVML of the tests' own describes them."""

    def make_cluster(self):
        self.xids = self.folder / "xids"
        environment = {"FAKE_NVML_GPUS": "3", "FAKE_NVML_XIDS": str(self.xids)}
        with unittest.mock.patch.dict(os.environ, environment):
            return Cluster(self.folder, PROGRAMS, worker_flags=["--set", f"devices.nvml_library={NVML}"])

    def test_a_job_goes_on_without_a_gpu_that_fell_off_the_bus(self):
        job = self.submit()
        self.at_step(job, 15)
        lost = self.cluster.job(job)["placement"][1]["gpu"]
        self.xids.write_text(f"{lost.removeprefix('GPU-fake-')} 79\n")
        shown = self.assert_succeeded(job, attempts=2)
        self.assertEqual(int(shown["restarts"]["infra"]), 1)
        events = self.cluster.ctl("events", job, "-o", "json")
        self.assertIn("GPU_XID", events)
        self.assertIn(f"XID 79 (the GPU has fallen off the bus) of {lost}", events)
        second = [event for event in self.cluster.events(job, 2, 1) if event["event"] == "started"]
        self.assertEqual(len(second), 1)
        self.assertEqual(self.cluster.coordinator.metric("lrti_gpus", 'state="quarantined"'), 1)
        self.assertEqual(self.cluster.agent.metric("lrti_agent_gpu_xid_errors_total", lost, 'xid="79"'), 1)


class TwoMachinesTest(OnACluster):
    """Two agents of one slot each, as two machines would be."""

    def make_cluster(self):
        cluster = Cluster(self.folder, PROGRAMS, worker_flags=["--cpu-slots", "1"],
                          coordinator_flags=["--set", "agents.lease=1s", "--set", "agents.lost_grace=2s"])
        self.addCleanup(cluster.close)
        cluster.start_agent("there", "--cpu-slots", "1")
        eventually(lambda: cluster.coordinator.metric("lrti_agents", 'state="ready"') == 2, 30, "both machines are there")
        return cluster

    def test_ranks_meet_across_machines(self):
        job = self.submit()
        self.at_step(job, 5)
        self.assertEqual({rank["agent"] for rank in self.cluster.job(job)["placement"]}, {"here", "there"})
        self.assert_succeeded(job, attempts=1)

    def test_a_job_goes_on_with_what_a_lost_machine_leaves(self):
        job = self.submit("job", ITERATIONS, "--set", "spec.resources.gpus_min=1")
        self.at_step(job, 15)
        lost = next(rank["rank"] for rank in self.cluster.job(job)["placement"] if rank["agent"] == "there")
        trainer = self.cluster.trainer(job, lost)
        self.cluster.agents["there"].kill()
        for pid in [*self.cluster.processes("spool-there"), trainer]:  # the machine loses its power
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shown = self.cluster.wait(job)
        self.assertEqual(shown["state"], "SUCCEEDED", shown)
        last = [event for event in self.cluster.events(job, shown["attempt"], 0) if event["event"] == "finished"]
        self.assertEqual(last[0]["step"], ITERATIONS)
        self.assertEqual(self.cluster.events(job, shown["attempt"], 1), [], "one rank alone")


class SecureClusterTest(OnACluster):
    """Certificates between all parts, and a token for everybody."""

    def token(self, role, user, project="demo"):
        """The file of a new token; the coordinator's line goes to its file of tokens."""
        command = [PROGRAMS["lrti-ctl"], "token", "new", "--role", role, "--user", user, "--project", project]
        token, line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        with open(self.folder / "tokens", "a") as tokens:
            tokens.write(line + "\n")
        path = self.folder / f"{user}.token"
        path.touch(mode=0o600)
        path.write_text(token)
        return path

    def make_cluster(self):
        certificates = self.folder / "certificates"
        subprocess.run([PROGRAMS["lrti-ctl"], "certs", "init", "--dir", str(certificates)], check=True, capture_output=True)

        def files(side):
            return {"ca": certificates / "ca.pem", "certificate": certificates / f"{side}.pem", "key": certificates / f"{side}.key"}

        def flags(fields):
            return [word for name, path in fields.items() for word in ("--set", f"security.{name}={path}")]

        self.ada, self.vera = self.token("user", "ada"), self.token("viewer", "vera")
        self.certificates = {f"LRTI_SECURITY_{name.upper()}": str(path) for name, path in files("client").items()}
        agent = files("client") | {"token_file": self.token("agent", "here", "*")}
        return Cluster(self.folder, PROGRAMS, worker_flags=flags(agent),
                       coordinator_flags=["--tokens", str(self.folder / "tokens"), *flags(files("server"))],
                       ctl_environment=self.certificates | {"LRTI_SECURITY_TOKEN_FILE": str(self.ada)})

    def test_only_who_may_can(self):
        job = self.submit(iterations=10)
        shown = self.cluster.wait(job)
        self.assertEqual((shown["state"], shown["user"]), ("SUCCEEDED", "ada"))
        self.cluster.ctl("agents", "drain", "here", code=4)  # ada is no admin
        self.cluster.ctl_environment["LRTI_SECURITY_TOKEN_FILE"] = str(self.vera)
        self.assertEqual(self.cluster.job(job)["state"], "SUCCEEDED")
        self.cluster.ctl("retry", job, code=4)
        self.cluster.ctl_environment = self.certificates
        self.cluster.ctl("list", code=4)
        self.cluster.ctl_environment = {}
        self.cluster.ctl("--answer-in", "2s", "list", code=3)  # without a certificate nobody answers
        audit = [json.loads(line) for line in (self.cluster.state / "audit.jsonl").read_text().splitlines()]
        self.assertIn(("vera", "RetryJob", "PERMISSION_DENIED"), [(e["user"], e["verb"], e["outcome"]) for e in audit])
        secret = self.ada.read_text()
        for service in (self.cluster.coordinator, self.cluster.agent):
            self.assertNotIn(secret, service.log.read_text())

    def test_without_certificates_nothing_listens_beyond_loopback(self):
        for program, flags in (("lrti-coordinator", ["--listen", "0.0.0.0:0"]), ("lrti-worker", ["--http", "0.0.0.0:0"])):
            refused = subprocess.run([PROGRAMS[program], *flags, "--check"], capture_output=True, text=True, timeout=60)
            self.assertEqual(refused.returncode, 2, refused.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
