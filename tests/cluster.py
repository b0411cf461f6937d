"""A cluster of real processes on this machine, for tests: coordinator, cache, agents."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.request


def eventually(look, seconds, what):
    """The first true answer of `look`; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return found


class Service:
    """A service's process, and what it says it serves. It can be killed and started again."""

    def __init__(self, folder, name, command):
        self.command, self.log, self.where = command, folder / f"{name}.log", {}
        self.start()

    def start(self):
        self.begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        eventually(self.serves, 60, f"{self.command[0]} serves")

    def serves(self):
        text = self.log.read_bytes()[self.begin:].decode()
        if self.process.poll() is not None:
            raise AssertionError(f"{self.command} ended with {self.process.returncode}:\n{text}")
        self.where = dict(re.findall(r"^  (\w+) +(.*)$", text, re.MULTILINE))
        return "http" in self.where and text.endswith("\n")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def metric(self, name, *labels):
        text = urllib.request.urlopen(self.where["http"], timeout=20).read().decode()
        lines = [line for line in text.splitlines()
                 if re.match(rf"{name}[ {{]", line) and all(label in line for label in labels)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


class Cache(Service):
    """A cache node on ports that the system chooses."""

    def __init__(self, folder, program):
        super().__init__(folder, "cache", [
            program, "--pool-mib", "64", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--http", "127.0.0.1:0",
            "--socket", str(folder / "cache.sock")])

    def endpoints(self):
        return {"shared memory": f"unix:{self.where['socket']}", "tcp": f"tcp://{self.where['data']}"}


class Cluster:
    """Coordinator, cache and one agent of two CPU slots, on ports that the system chooses."""

    def __init__(self, folder, programs, worker_flags=(), coordinator_flags=(), ctl_environment=None):
        self.folder, self.programs, self.ctl_environment = pathlib.Path(folder), programs, ctl_environment or {}
        self.state = self.folder / "state"
        self.cache = Cache(self.folder, programs["lrti-cache"])
        self.coordinator = Service(self.folder, "coordinator", [
            programs["lrti-coordinator"], "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--state", str(self.state),
            "--cache", f"unix:{self.folder}/cache.sock", "--set", "agents.period=200ms", "--set", "jobs.backoff_first=100ms",
            *coordinator_flags])
        # A coordinator that starts again must be where its agents look for it.
        self.address = self.coordinator.where["grpc"]
        self.coordinator.command[self.coordinator.command.index("--listen") + 1] = self.address
        self.agents = {}
        self.agent = self.start_agent("here", *worker_flags)

    def start_agent(self, name, *flags):
        self.agents[name] = Service(self.folder, name, [
            self.programs["lrti-worker"], "--coordinator", self.address, "--http", "127.0.0.1:0", "--cpu-slots", "2",
            "--spool", str(self.folder / f"spool-{name}"), "--name", name, "--trainer", self.programs["lrti-vsr"], *flags])
        return self.agents[name]

    def services(self):
        return [self.coordinator, self.cache, *self.agents.values()]

    def close(self):
        for service in self.services():
            service.kill()
        for pid in self.processes():  # trainers outlive their agent
            os.kill(pid, signal.SIGKILL)

    def ctl(self, *arguments, code=0, **options):
        """What lrti-ctl prints; it must end with `code`."""
        command = [self.programs["lrti-ctl"], "--coordinator", self.address, *arguments]
        environment = {**os.environ, "LRTI_TIMEOUT": "50s", "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config"),
                       "XDG_STATE_HOME": str(self.folder / "xdg"), "XDG_CACHE_HOME": str(self.folder / "xdg"), **self.ctl_environment}
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment, **options)
        if done.returncode != code:
            raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def job(self, name):
        return json.loads(self.ctl("get", name, "-o", "json"))

    def submit(self, path, *arguments):
        return self.ctl("submit", str(path), *arguments).strip()

    def wait(self, job, code=0, seconds=150):
        self.ctl("wait", job, "--timeout", f"{seconds}s", code=code)
        return self.job(job)

    def events(self, job, attempt, rank):
        path = self.state / "logs" / job / str(attempt) / f"{rank}.events"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def steps(self, job, attempt=1, rank=0):
        return [event["step"] for event in self.events(job, attempt, rank) if event["event"] == "step"]

    def processes(self, word=""):
        """Process ids of what this cluster started, services left out: their environment names our folder."""
        services = {service.process.pid for service in self.services()}
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) in services:
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:  # it ended meanwhile
                continue
            if str(self.folder) in command and word in command and state != "Z" and "lrti-" in command:
                found.append(int(entry.name))
        return found

    def trainer(self, job, rank):
        """The process of a rank."""
        for pid in self.processes(" train "):
            try:
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:  # it ended meanwhile
                continue
            if f"LRTI_JOB_ID={job}".encode() in environment and f"RANK={rank}".encode() in environment:
                return pid
        return None
