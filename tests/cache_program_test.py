"""`lrti-cache` as a process: what it says, answers and leaves behind."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PROGRAM = sys.argv[1]


def get(address, path):
    """Status and text of an answer over HTTP."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def eventually(true_now, seconds=30):
    end = time.monotonic() + seconds
    while not true_now():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class CacheProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lrti-cache-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def command(self, *flags):
        ports = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        return [PROGRAM, "--pool-mib", "64", *ports, *flags]

    def environment(self):
        return {**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}

    def run_to_end(self, *flags):
        return subprocess.run(self.command(*flags), env=self.environment(), capture_output=True, text=True, timeout=60)

    @contextlib.contextmanager
    def serving(self, *flags):
        """The program once it serves: its process, and what it says it serves."""
        process = subprocess.Popen(self.command(*flags), env=self.environment(), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            lines = {}
            for line in process.stdout:  # ends with the program
                if match := re.fullmatch(r"  (\w+) +(.*)\n", line):
                    lines[match[1]] = match[2]
                if "redis" in lines:
                    break
            else:
                self.fail(f"it ended: {process.communicate()[1]}")
            lines["http"] = lines["http"].removeprefix("http://").removesuffix("/metrics")
            yield process, lines
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def end(self, process, with_signal=signal.SIGTERM):
        process.send_signal(with_signal)
        errors = process.communicate(timeout=60)[1]
        return process.returncode, errors

    def test_serves_where_it_says(self):
        with self.serving() as (process, lines):
            self.assertEqual(lines["socket"], str(self.folder / "lrti/cache.sock"))
            self.assertEqual((self.folder / "lrti").stat().st_mode & 0o777, 0o700)
            self.assertEqual(lines["pool"], "64 MiB")
            for plane in ("data", "control", "http"):
                host, port = lines[plane].rsplit(":", 1)
                socket.create_connection((host, int(port)), timeout=20).close()
            self.assertEqual(get(lines["http"], "/readyz"), (200, "ready\n"))
            self.assertEqual(get(lines["http"], "/livez"), (200, "alive\n"))
            self.assertIn('"component":"lrti-cache"', get(lines["http"], "/version")[1])
            self.assertEqual(self.end(process), (0, ""))
        self.assertFalse((self.folder / "lrti/cache.sock").exists())

    def test_metrics_are_what_prometheus_reads(self):
        with self.serving() as (process, lines):
            status, text = get(lines["http"], "/metrics")
            self.assertEqual(status, 200)
            self.assertIn('lrti_cache_capacity_bytes{tier="ram"} 67108864\n', text)
            self.assertIn('lrti_cache_requests_total{op="get",result="hit"} 0\n', text)
            if promtool := shutil.which("promtool"):
                check = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
                self.assertEqual((check.returncode, check.stdout, check.stderr), (0, "", ""))
            sample = re.compile(r"[a-z_]+(\{[a-z_]+=\"[^\"]*\"(,[a-z_]+=\"[^\"]*\")*\})? [0-9.e+]+")
            for line in text.splitlines():
                self.assertTrue(line.startswith("# ") or sample.fullmatch(line), line)

    def test_an_interrupt_ends_it_with_its_code(self):
        with self.serving() as (process, lines):
            self.assertEqual(self.end(process, signal.SIGINT)[0], 130)

    def test_a_silent_client_does_not_keep_it_from_ending(self):
        with self.serving("--set", "drain=100ms") as (process, lines):
            host, port = lines["data"].rsplit(":", 1)
            with socket.create_connection((host, int(port)), timeout=20):
                self.assertEqual(self.end(process)[0], 0)

    def test_a_second_one_at_the_same_place_says_what_to_do(self):
        with self.serving() as (process, lines):
            for flag, plane in (("--listen", "data"), ("--control", "control"), ("--http", "http")):
                second = self.run_to_end(flag, lines[plane], "--socket", "")
                self.assertEqual((second.returncode, second.stdout), (1, ""))
                self.assertIn(lines[plane], second.stderr)
                self.assertIn("Is another lrti-cache running? Choose another address", second.stderr)
            second = self.run_to_end()
            self.assertEqual(second.returncode, 1)
            self.assertIn(lines["socket"], second.stderr)
            self.assertEqual(get(lines["http"], "/readyz")[0], 200)

    def test_what_a_killed_one_left_does_not_matter(self):
        with self.serving() as (process, lines):
            process.kill()
            process.wait(timeout=60)
            self.assertTrue(pathlib.Path(lines["socket"]).exists())
            with self.serving() as (second, second_lines):
                self.assertEqual(second_lines["socket"], lines["socket"])
                self.assertEqual(self.end(second)[0], 0)

    def test_a_config_file_and_flags_over_it(self):
        config = self.folder / "cache.yaml"
        config.write_text("pool: {mib: 96}\njobs: registered\ncontrol: {listen: ''}\n")
        checked = self.run_to_end("--config", config, "--check")
        self.assertEqual((checked.returncode, checked.stdout), (0, "ok\n"))
        printed = subprocess.run([PROGRAM, "--config", config, "--print-config"], capture_output=True, text=True)
        self.assertIn("mib: 96", printed.stdout)
        self.assertIn("jobs: registered", printed.stdout)
        with self.serving("--config", config, "--set", "pool.mib=128") as (process, lines):
            self.assertEqual(lines["pool"], "128 MiB")
            self.assertEqual(lines["jobs"], "registered")

    def test_bad_input_is_refused_with_code_2_before_anything_starts(self):
        config = self.folder / "cache.yaml"
        config.write_text("pool:\n  mibs: 3\nhttp: {listen: everywhere}\n")
        bad = self.run_to_end("--config", config, "--http", "127.0.0.1:0")
        self.assertEqual((bad.returncode, bad.stdout), (2, ""))
        self.assertIn("pool.mibs (line 2): unknown key; did you mean 'mib'?", bad.stderr)
        for flags, message in (
            (["--config", self.folder / "none.yaml"], "none.yaml"),
            (["--nonsense"], "--nonsense"),
            (["--set", "pool.mib=many"], "pool.mib"),
            (["--listen", "0.0.0.0:0"], "--insecure"),
            (["--redis", "nowhere"], "redis.endpoint"),
            (["--redis", "127.0.0.1:1", "--set", f"redis.password_file={self.folder}/none"], "none"),
        ):
            with self.subTest(flags=flags):
                bad = self.run_to_end(*flags)
                self.assertEqual((bad.returncode, bad.stdout), (2, ""))
                self.assertIn(message, bad.stderr)

    def test_listens_for_other_hosts_only_when_told_twice(self):
        with self.serving("--listen", "0.0.0.0:0", "--insecure") as (process, lines):
            self.assertTrue(lines["data"].startswith("0.0.0.0:"))
            self.assertEqual(lines["jobs"], "registered")

    def test_a_folder_that_others_may_write_to_is_no_place_for_its_socket(self):
        (self.folder / "lrti").mkdir()
        (self.folder / "lrti").chmod(0o777)
        bad = self.run_to_end()
        self.assertEqual(bad.returncode, 2)
        self.assertIn(f"{self.folder}/lrti: not a folder of this user", bad.stderr)

    def test_serves_without_the_redis_it_was_told_of_and_finds_it_later(self):
        if shutil.which("redis-server") is None:
            self.skipTest("no redis-server")
        path = self.folder / "redis.sock"
        with self.serving("--redis", f"unix:{path}") as (process, lines):
            self.assertEqual(get(lines["http"], "/readyz")[0], 200)
            self.assertIn("lrti_cache_redis_up 0\n", get(lines["http"], "/metrics")[1])
            redis = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", self.folder,
                 "--maxmemory-policy", "allkeys-lru"], stdout=subprocess.DEVNULL)
            try:
                self.assertTrue(eventually(lambda: "lrti_cache_redis_up 1\n" in get(lines["http"], "/metrics")[1]))
            finally:
                redis.kill()
                redis.wait()
            self.assertTrue(eventually(lambda: "lrti_cache_redis_up 0\n" in get(lines["http"], "/metrics")[1]))
            code, errors = self.end(process)
            self.assertEqual(code, 0)
            self.assertIn("the cache goes on without it and keeps trying", errors)
            self.assertIn("redis: connected", errors)

    def test_help_and_version(self):
        for flag, text in (("--help", "Begin with:"), ("--version", "lrti-cache 0.1.0")):
            result = subprocess.run([PROGRAM, flag], capture_output=True, text=True)
            self.assertEqual(result.returncode, 0)
            self.assertIn(text, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
