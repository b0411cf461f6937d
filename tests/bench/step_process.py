"""Training runs in processes of their own that advance when told to, taken in turn."""

import collections
import json
import statistics
import subprocess


class StepProcess:
    """A program that reads 'steps N', 'memory', 'quit' and answers with a line of JSON.

    Between commands it sleeps on its standard input, so runs that are kept side by side do not
    disturb each other.
    """

    def __init__(self, command, steps_a_turn):
        self.steps_a_turn = steps_a_turn
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"exit code {self.process.wait()} of: {' '.join(self.command)}")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def seconds_a_step(self):
        answer = self.ask(f"steps {self.steps_a_turn}")
        return answer["seconds"] / answer["steps"]

    def peak_bytes(self):
        """Most memory so far, above what there was before the first step."""
        answer = self.ask("memory")
        return answer["peak_bytes"] - answer["baseline_bytes"]

    def close(self):
        self.process.stdin.close()  # the end of its input is a 'quit'
        self.process.wait(timeout=60)
        self.process.stdout.close()


class Rounds:
    """Seconds a step of several runs, measured in turn, round by round."""

    def __init__(self, runs, count, say):
        self.seconds = collections.defaultdict(list)
        for name, run in runs.items():
            say(f"warm-up: {name}")
            run.seconds_a_step()
        for number in range(count):
            for name, run in runs.items():
                self.seconds[name].append(run.seconds_a_step())
            say(f"round {number + 1} of {count}")

    def median(self, name):
        return statistics.median(self.seconds[name])

    def ratio(self, above, below):
        """Median over the rounds of above / below: neighbours in time saw the same machine."""
        return statistics.median(a / b for a, b in zip(self.seconds[above], self.seconds[below]))
