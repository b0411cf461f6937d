"""`lrti-ctl` with the real services on this machine: up, jobs, down, and nothing left over."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
PATIENCE = "50s"  # a busy disk may keep a journal waiting for long
JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {name: small, project: demo, labels: {table: "3"}}
spec:
  data: {train: {path: nowhere.mp4}}
sweep: {grid: {spec.train.seed: [1, 2]}}
"""

# Keeps to what docs/events.md and the agent expect of a trainer, and trains nothing. One named slow goes on until it is
# asked to stop.
TRAINER = f"""#!{sys.executable}
import json, os, pathlib, signal, sys, time
if "--version" in sys.argv:
    sys.exit(0)
config, run = sys.argv[2], sys.argv[sys.argv.index("--run-dir") + 1]
seq = 0
def emit(event, **fields):
    global seq
    seq += 1
    line = json.dumps({{"ts": "2026-01-01T00:00:00.000000Z", "seq": seq, "event": event, **fields}})
    os.write(int(os.environ["LRTI_EVENT_FD"]), (line + "\\n").encode())
stopped = False
def stop(*_):
    global stopped
    stopped = True
signal.signal(signal.SIGTERM, stop)
os.makedirs(run, exist_ok=True)
pathlib.Path(run, "pid" + os.environ["RANK"].strip("0")).write_text(str(os.getpid()))
emit("started", run_dir=run, name="stub", model="basicvsr", strategy="tb", device="cpu", parameters=1, iterations=10)
print("one line of log", flush=True)
step = 0
while True:
    step += 1
    emit("step", step=step, loss=0.1, psnr=30.0, lr=1e-4, grad_norm=1.0, steps_per_second=10.0, eta_s=1.0, memory_bytes=1)
    emit("heartbeat", step=step, epoch=0, phase="forward_backward", phase_age_s=0.0, memory_bytes=1)
    if stopped or (step == 10 and "name: slow" not in pathlib.Path(config).read_text()):
        break
    time.sleep(0.05)
emit("finished", step=step, reason="stopped" if stopped else "iterations", run_dir=run)
print("last line of log", flush=True)
"""


def runs(program):
    """Whether a process of the stack still runs; one that nobody has waited for does not."""
    try:
        stat = pathlib.Path(f"/proc/{program['pid']}/stat").read_text()
    except FileNotFoundError:
        return False
    fields = stat.rpartition(")")[2].split()
    return fields[0] not in "ZX" and int(fields[19]) == program["started"]


class CtlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-ctl-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("state", "run", "config"):
            (cls.folder / name).mkdir(mode=0o700)
        cls.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LRTI_")}, "LRTI_TIMEOUT": PATIENCE,
            "XDG_STATE_HOME": str(cls.folder / "state"),
            "XDG_RUNTIME_DIR": str(cls.folder / "run"),
            "XDG_CONFIG_HOME": str(cls.folder / "config"),
            "TERM": "dumb",
        }
        (cls.folder / "job.yaml").write_text(JOB.split("sweep:")[0])
        (cls.folder / "sweep.yaml").write_text(JOB)
        cls.trainer = cls.folder / "lrti-vsr"
        cls.trainer.write_text(TRAINER)
        cls.trainer.chmod(0o755)
        # The usual port is taken, so that `up` has to find another and lrti-ctl has to find it.
        taken = socket.socket()
        cls.addClassCleanup(taken.close)
        try:
            taken.bind(("127.0.0.1", 7430))
            taken.listen()
        except OSError:
            pass  # somebody else has taken it
        cls.addClassCleanup(cls.run_command, "down", "--grace", "20s")
        up = cls.up()
        if up.returncode != 0:
            raise AssertionError(up.stderr)
        cls.up_text = up.stderr

    @classmethod
    def up(cls):
        return cls.run_command("up", "--cpu-slots", "2", "--trainer", cls.trainer)

    @classmethod
    def run_command(cls, *words):
        return subprocess.run([PROGRAM, *words], env=cls.environment, cwd=cls.folder, capture_output=True, text=True,
                              timeout=120)

    def ctl(self, *words, code=0):
        """The command's standard output."""
        result = self.run_command(*words)
        self.assertEqual(result.returncode, code, f"{words}: {result.stdout}{result.stderr}")
        return result.stdout

    def held_job(self):
        return self.ctl("submit", "--hold", "job.yaml").strip()

    @classmethod
    def stack(cls):
        return json.loads((cls.folder / "state/lrti/stack.json").read_text())

    def test_up_says_what_to_do_next_and_does_nothing_twice(self):
        self.assertIn("lrti-ctl submit", self.up_text)
        before = self.stack()
        again = self.up()
        self.assertEqual(again.returncode, 0)
        self.assertIn("It is up.", again.stderr)
        self.assertEqual(self.stack(), before)
        self.assertNotEqual(before["coordinator"], "127.0.0.1:7430")
        self.assertIn(f"{before['coordinator']},running stack", self.ctl("config", "view", "--origin", "-o", "csv"))

    def test_the_life_of_a_job_on_hold(self):
        job = self.held_job()
        self.assertRegex(job, r"^lrti-[a-z2-7]{10}$")
        listed = json.loads(self.ctl("list", "-l", "table=3", "-o", "json"))
        self.assertIn(job, [entry["id"] for entry in listed])
        self.assertIn("OnHold", self.ctl("explain", job))
        self.assertIn("nowhere.mp4", self.ctl("get", job, "-o", "yaml"))
        self.assertIn(job, self.ctl("describe", job[:12]))
        self.ctl("wait", job, "--timeout", "0s", code=101)
        self.ctl("priority", "70", job)
        self.ctl("cancel", job)
        self.ctl("wait", job, "--timeout", "20s", code=103)
        self.ctl("pause", job, code=5)
        self.assertIn("CANCELLED", self.ctl("events", job))
        self.ctl("logs", job)

    def test_the_same_request_is_one_job(self):
        first = self.ctl("submit", "--hold", "--request-id", "once", "job.yaml")
        self.assertEqual(self.ctl("submit", "--hold", "--request-id", "once", "job.yaml"), first)
        self.ctl("submit", "--hold", "--request-id", "once", "job.yaml", "--set", "spec.train.seed=9", code=5)

    def test_a_sweep_is_a_group(self):
        jobs = self.ctl("submit", "--hold", "--group", "mine", "sweep.yaml").split()
        self.assertEqual(len(jobs), 2)
        self.assertEqual(sorted(self.ctl("list", "--group", "mine", "-o", "name").split()), sorted(jobs))
        table = json.loads(self.ctl("table", "mine", "-o", "json"))
        self.assertEqual([row["name"] for row in table], ["small-01", "small-02"])

    def test_listings_answer(self):
        agents = json.loads(self.ctl("agents", "ls", "-o", "json"))
        self.assertEqual([agent["state"] for agent in agents], ["ready"])
        self.assertEqual(len(agents[0]["gpus"]), 2)
        self.assertIn("default", self.ctl("queues"))
        self.assertIn("project", self.ctl("usage"))
        self.assertIn("devices free", self.ctl("top"))
        self.assertIn("lrti-coordinator 0.1.0", self.ctl("version"))
        self.assertIn("hit ratio", self.ctl("cache", "stats"))
        self.assertIn("clients", self.ctl("cache", "ls"))
        self.ctl("cache", "drop", "--idle")
        self.assertIn("fits", self.ctl("validate", "--server", "job.yaml"))

    def test_what_is_wrong_has_its_code(self):
        self.ctl("get", "lrti-none", code=1)
        self.ctl("wait", "lrti-none", code=102)
        self.ctl("submit", "none.yaml", code=2)
        self.ctl("list", "--coordinator", "127.0.0.1:1", code=3)

    def test_the_tab_key_offers_live_jobs(self):
        job = self.held_job()
        script = self.ctl("completion", "bash")
        words = f"COMP_WORDS=(lrti-ctl describe '{job[:8]}'); COMP_CWORD=2; _lrti_ctl; echo ${{COMPREPLY[@]}}"
        environment = {**self.environment, "PATH": f"{pathlib.Path(PROGRAM).parent}:{os.environ['PATH']}"}
        result = subprocess.run(["bash", "-c", script + words], env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.stderr, "")
        self.assertIn(job, result.stdout.split())

    def test_jobs_are_kept_while_all_is_down(self):
        job = self.held_job()
        programs = self.stack()["programs"]
        self.ctl("down", "--grace", "20s")
        for program in programs:
            self.assertFalse(runs(program), program)
        self.assertIn("It was not up.", self.run_command("down").stderr)
        self.assertEqual(self.up().returncode, 0)
        self.assertEqual(self.ctl("get", job, "-o", "name").strip(), job)

    def trainer_of(self, job):
        """The running trainer of a job, once there is one."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            run = json.loads(self.ctl("get", job, "-o", "json"))["run_dir"]
            path = pathlib.Path(run, "pid")
            if path.exists() and self.ctl("get", job, "-o", "csv").count(",RUNNING,"):
                stat = pathlib.Path(f"/proc/{path.read_text()}/stat").read_text()
                return {"pid": int(path.read_text()), "started": int(stat.rpartition(")")[2].split()[19])}
            time.sleep(0.05)
        self.fail(self.ctl("describe", job))

    def gone(self, program):
        end = time.monotonic() + 30
        while runs(program) and time.monotonic() < end:
            time.sleep(0.05)
        return not runs(program)

    def test_a_job_is_followed_to_its_end(self):
        result = self.run_command("submit", "--wait", "job.yaml")
        self.assertEqual(result.returncode, 0, result.stderr)
        job = result.stdout.strip()
        followed = self.run_command("logs", "-f", job)
        self.assertEqual((followed.returncode, followed.stdout), (0, "one line of log\nlast line of log\n"))
        self.assertIn("complete", followed.stderr)
        events = [json.loads(line) for line in self.ctl("metrics", job).splitlines()]
        self.assertEqual([event["step"] for event in events if event["event"] == "step"], list(range(1, 11)))
        self.assertIn("SUCCEEDED", self.ctl("describe", job))

    def test_the_lines_of_several_ranks_are_told_apart(self):
        job = self.ctl("submit", "job.yaml", "--set", "spec.resources.gpus=2", "-q").strip()
        followed = self.run_command("logs", "-f", job)
        self.assertEqual(followed.returncode, 0, followed.stderr)
        self.assertEqual(sorted(followed.stdout.splitlines()),
                         [f"rank {rank} | {line} line of log" for rank in (0, 1) for line in ("last", "one")])
        self.assertEqual(self.ctl("logs", job, "--rank", "1", "--tail", "1"), "last line of log\n")

    def test_jobs_go_on_when_they_are_kept(self):
        job = self.ctl("submit", "job.yaml", "--set", "metadata.name=slow").strip()
        trainer = self.trainer_of(job)
        down = self.run_command("down", "--keep-jobs", "--grace", "20s")
        self.assertEqual(down.returncode, 0, down.stderr)
        self.assertIn(job, down.stderr)
        self.assertTrue(runs(trainer))
        self.assertEqual(self.up().returncode, 0)
        self.assertEqual(self.trainer_of(job), trainer)
        self.ctl("cancel", job)
        self.ctl("wait", job, "--timeout", "60s", code=103)
        self.assertTrue(self.gone(trainer))

    def test_jobs_save_and_end_when_all_goes_down(self):
        job = self.ctl("submit", "job.yaml", "--set", "metadata.name=slow").strip()
        trainer = self.trainer_of(job)
        down = self.run_command("down", "--grace", "60s")
        self.assertEqual(down.returncode, 0, down.stderr)
        self.assertFalse(runs(trainer))
        self.assertEqual(self.up().returncode, 0)
        self.assertNotEqual(self.trainer_of(job)["pid"], trainer["pid"])  # it goes on by itself
        self.ctl("cancel", job)
        self.ctl("wait", job, "--timeout", "60s", code=103)

    @classmethod
    def tearDownClass(cls):
        programs = cls.stack()["programs"]
        down = cls.run_command("down", "--grace", "20s")
        left = [program for program in programs if runs(program)]
        if down.returncode != 0 or left:
            raise AssertionError(f"{down.stderr}; left over: {left}")


class SecurityTest(unittest.TestCase):
    """A coordinator with certificates and tokens, and who may do what there."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-ctl-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "job.yaml").write_text(JOB.split("sweep:")[0])
        cls.certs = cls.folder / "certs"
        made = cls.ctl({}, "certs", "init", "--dir", cls.certs)
        assert made.returncode == 0, made.stderr
        lines = []
        for role in ("viewer", "user", "admin"):
            token, line = cls.ctl({}, "token", "new", "--role", role, "--project", "demo", "--user", role).stdout.split("\n")[:2]
            lines.append(line)
            path = cls.folder / role
            path.write_text(token + "\n")
            path.chmod(0o600)
        (cls.folder / "tokens").write_text("\n".join(lines) + "\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            cls.address = f"127.0.0.1:{free.getsockname()[1]}"
        settings = [f"security.ca={cls.certs}/ca.pem", f"security.certificate={cls.certs}/server.pem",
                    f"security.key={cls.certs}/server.key"]
        command = [pathlib.Path(PROGRAM).with_name("lrti-coordinator"), "--listen", cls.address, "--http", "127.0.0.1:0",
                   "--state", cls.folder / "state", "--tokens", cls.folder / "tokens"]
        for setting in settings:
            command += ["--set", setting]
        cls.coordinator = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.addClassCleanup(cls.end)
        cls.coordinator.stdout.readline()  # it serves

    @classmethod
    def end(cls):
        cls.coordinator.terminate()
        cls.coordinator.communicate(timeout=60)

    @classmethod
    def ctl(cls, security, *words):
        environment = {"HOME": str(cls.folder), "PATH": os.environ["PATH"], "LRTI_TIMEOUT": PATIENCE}
        for name, path in security.items():
            environment[f"LRTI_SECURITY_{name}"] = str(path)
        if words[0] not in ("certs", "token"):
            environment["LRTI_COORDINATOR"] = cls.address
        return subprocess.run([PROGRAM, *words], env=environment, cwd=cls.folder, capture_output=True, text=True, timeout=60)

    def as_role(self, role, *words):
        security = {"CA": self.certs / "ca.pem", "CERTIFICATE": self.certs / "client.pem", "KEY": self.certs / "client.key"}
        if role:
            security["TOKEN_FILE"] = self.folder / role
        return self.ctl(security, *words)

    def test_a_role_may_do_what_it_is_for(self):
        listed = self.as_role("viewer", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        refused = self.as_role("viewer", "submit", "--hold", "job.yaml")
        self.assertEqual(refused.returncode, 4, refused.stderr)
        self.assertIn("next:", refused.stderr)
        sent = self.as_role("user", "submit", "--hold", "job.yaml")
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertEqual(self.as_role("viewer", "cancel", sent.stdout.strip()).returncode, 4)
        cancelled = self.as_role("admin", "cancel", sent.stdout.strip())
        self.assertEqual(cancelled.returncode, 0, cancelled.stderr)

    def test_without_a_token_nothing_is_shown(self):
        result = self.as_role(None, "list")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertIn("lrti-ctl login", result.stderr)

    def test_without_a_certificate_nobody_is_reached(self):
        self.assertEqual(self.ctl({}, "list").returncode, 3)

    def test_a_key_that_others_may_read_is_none_of_ours(self):
        for name in ("ca.key", "server.key", "client.key"):
            self.assertEqual((self.certs / name).stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
