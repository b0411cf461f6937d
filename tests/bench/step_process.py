"""Training runs in processes of their own that advance when told to, taken in turn."""

import collections
import json
import math
import statistics
import subprocess
import time


class StepProcess:
    """A program that reads 'steps N', 'infer N', 'memory', 'quit' and answers with a line of JSON.

    Between commands it sleeps on its standard input, so runs that are kept side by side do not
    disturb each other. Passes are those over a whole clip, for inference.
    """

    def __init__(self, command, steps_a_turn, passes_a_turn=1):
        self.steps_a_turn = steps_a_turn
        self.passes_a_turn = passes_a_turn
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = False  # asked for late, so that several start side by side

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"exit code {self.process.wait()} of: {' '.join(self.command)}")
        return json.loads(line)

    def ask(self, line):
        if not self.ready:
            self._answer()
            self.ready = True
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def seconds_a_step(self):
        answer = self.ask(f"steps {self.steps_a_turn}")
        return answer["seconds"] / answer["steps"]

    def seconds_a_frame(self):
        answer = self.ask(f"infer {self.passes_a_turn}")
        return answer["seconds"] / answer["frames"]

    def peak_bytes(self):
        """Most memory so far, above what there was before the first step."""
        answer = self.ask("memory")
        return answer["peak_bytes"] - answer["baseline_bytes"]

    def close(self):
        self.process.stdin.close()  # the end of its input is a 'quit'
        self.process.wait(timeout=60)
        self.process.stdout.close()


class Rounds:
    """Seconds of several runs, a step unless `measure` says otherwise, measured in turn, round by round.

    `count` rounds, or as many as end within `seconds_max`, warm-up included, and at least one.
    """

    def __init__(self, runs, count, say, measure=StepProcess.seconds_a_step, seconds_max=math.inf):
        self.seconds = collections.defaultdict(list)
        self.count = 0  # of the rounds that were made
        begin = time.monotonic()
        for name, run in runs.items():
            say(f"warm-up: {name}")
            measure(run)
        while self.count < count:
            round_began = time.monotonic()
            for name, run in runs.items():
                self.seconds[name].append(measure(run))
            self.count += 1
            say(f"round {self.count} of {count}")
            now = time.monotonic()
            if now - begin + (now - round_began) > seconds_max:
                break

    def median(self, name):
        return statistics.median(self.seconds[name])

    def ratio(self, above, below):
        """Median over the rounds of above / below: neighbours in time saw the same machine."""
        return statistics.median(a / b for a, b in zip(self.seconds[above], self.seconds[below]))
