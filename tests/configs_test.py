"""Every file of configs/ is a valid job, and the documents made from declarations are current."""

import pathlib
import subprocess
import sys
import unittest

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])


def output(*arguments: str) -> str:
    return subprocess.run([PROGRAM, *arguments], check=True, capture_output=True, text=True).stdout


class Configs(unittest.TestCase):
    def test_every_config_is_a_valid_job(self):
        files = sorted(str(path) for path in (ROOT / "configs").rglob("*.yaml"))
        self.assertGreater(len(files), 3)
        self.assertEqual(output("validate", *files).splitlines(), [f"{file}: ok" for file in files])

    def test_the_reference_is_current(self):
        self.assertEqual(output("docs", "reference"), (ROOT / "docs/configuration.md").read_text())

    def test_the_schema_is_current(self):
        self.assertEqual(output("docs", "schema"), (ROOT / "docs/job.schema.json").read_text())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
