"""What a coordinator carries: submissions, restarts, a swarm of agents. Prints one table; --json FILE keeps the figures."""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from cluster import Service  # noqa: E402


class Coordinator(Service):
    def __init__(self, folder, programs):
        super().__init__(folder, "coordinator", [str(programs / "lrti-coordinator"), "--listen", "127.0.0.1:0", "--http",
                                                 "127.0.0.1:0", "--state", str(folder / "state"),
                                                 "--set", "agents.lease=30s"])

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def load(programs, *arguments):
    done = subprocess.run([str(programs / "lrti-bench-coordinator"), *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def cycles(metrics_url, seconds, rows):
    """Samples the last scheduling cycle's time while the swarm is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = urllib.request.urlopen(metrics_url, timeout=20).read().decode()
        rows.append(float(re.search(r"^lrti_scheduler_cycle_last_seconds (\S+)", text, re.MULTILINE)[1]) * 1000)
        time.sleep(0.05)


def fsync_ms(folder):
    """What one durable write costs here: the floor of a submission without group commit."""
    import os
    times = []
    with open(folder / "probe", "wb") as probe:
        for _ in range(50):
            begin = time.monotonic()
            probe.write(b"x" * 4096)
            probe.flush()
            os.fdatasync(probe.fileno())
            times.append(time.monotonic() - begin)
    return sorted(times)[len(times) // 2] * 1000


def measure(programs, jobs, agents, seconds):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-bench-coordinator-"))
    rows = []

    def row(what, value, target):
        rows.append({"what": what, "value": value, "target": target})
        print(f"{what:<64}{value:>12.1f}   {target}", flush=True)

    try:
        row("one fdatasync of 4 KiB on this disk, median ms", fsync_ms(folder), "-")
        coordinator = Coordinator(folder, programs)
        address = coordinator.where["grpc"]
        fast = load(programs, "submit", address, "--jobs", jobs, "--threads", 32)
        row("durable submissions a second, 32 callers", fast["per_second"], ">= 500")
        slow = load(programs, "submit", address, "--jobs", 500, "--threads", 32, "--rate", 100)
        row("submission at 100 a second, p99 ms", slow["p99_ms"], "< 50")
        coordinator.stop()
        begin = time.monotonic()
        coordinator.start()
        row(f"restart with {jobs + 500} jobs until it serves, ms", (time.monotonic() - begin) * 1000, "<= 5000")
        swarm = subprocess.Popen([str(programs / "lrti-bench-coordinator"), "agents", coordinator.where["grpc"], "--agents", str(agents),
                                  "--devices", "8", "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
        samples = []
        cycles(coordinator.where["http"], seconds, samples)
        report = json.loads(swarm.communicate()[0])
        samples.sort()
        row(f"{agents} agents x 8 GPUs, {jobs + 500} jobs: reports a second", report["per_second"], f"~ {agents}")
        row("  report, p99 ms", report["p99_ms"], "-")
        row("  scheduling cycle, p99 of samples, ms", samples[int(0.99 * (len(samples) - 1))], "<= 100")
        row("  resident memory, most, MiB", coordinator.resident_mib(), "<= 1024")
        coordinator.stop()
    finally:
        shutil.rmtree(folder)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", type=pathlib.Path, help="folder of the programs, build/release/bin")
    parser.add_argument("--jobs", type=int, default=10000)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = measure(arguments.programs.resolve(), arguments.jobs, arguments.agents, arguments.seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
