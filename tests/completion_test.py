"""What bash offers after `lrti-vsr ...`, asked of a real bash."""

import subprocess
import sys
import unittest

PROGRAM = sys.argv[1]


class CompletionTest(unittest.TestCase):
    def offered(self, *words):
        """What bash offers for the last of `words`."""
        script = subprocess.run([PROGRAM, "completion", "bash"], capture_output=True, text=True, check=True).stdout
        line = " ".join(f"'{word}'" for word in ("lrti-vsr", *words))
        ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _lrti_vsr; echo ${{COMPREPLY[@]}}"
        result = subprocess.run(["bash", "-c", script + ask], capture_output=True, text=True, check=True)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_verbs(self):
        self.assertEqual(self.offered("tr"), ["train"])
        self.assertIn("eval", self.offered(""))

    def test_flags_of_the_verb_that_stands_there(self):
        self.assertEqual(self.offered("train", "--run"), ["--run-dir"])
        self.assertEqual(self.offered("validate", "--run"), [])

    def test_verbs_of_a_verb(self):
        self.assertEqual(self.offered("docs", "sch"), ["schema"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
