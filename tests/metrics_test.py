"""docs/metrics.md names every metric that the services export, and no other, with its type and labels."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv[1])
TYPES = {"Gauge": "gauge", "Counter": "counter", "Durations": "histogram"}
MADE = re.compile(r"(Gauge|Counter|Durations)\(\s*\"(\w+)\"")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.MULTILINE)


def exported():
    sources = [path for path in (ROOT / "services").rglob("*.cc") if not path.name.endswith("_test.cc")]
    made = {name: TYPES[kind] for path in sources for kind, name in MADE.findall(path.read_text())}
    # The coordinator's gauges of memory are made by one function from their names.
    names = re.findall(r"\badd\(\"(\w+)\"", (ROOT / "services/coordinator/metrics.cc").read_text())
    return made | {name: "gauge" for name in names}


class Metrics(unittest.TestCase):
    def test_the_page_is_that_of_the_code(self):
        page = (ROOT / "docs/metrics.md").read_text()
        made = exported()
        self.assertGreater(len(made), 50)
        of_all = set(re.findall(r"`(\w+)`", page.split("## All")[1]))
        rows = dict(ROW.findall(page))
        self.assertEqual(set(made) - of_all - set(rows), set(), "not on the page")
        self.assertEqual((set(rows) | {name for name in of_all if "_" in name}) - set(made), set(), "not exported")
        self.assertEqual({name: made[name] for name in rows}, rows)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
