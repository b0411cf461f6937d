"""Every listing of docs/add-a-network.md is part of the file that it names."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv[1])


class Listings(unittest.TestCase):
    def test_listings_are_what_the_files_say(self):
        text = (ROOT / "docs/add-a-network.md").read_text()
        listings = re.findall(r"^```cpp (\S+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(listings), 3)
        for path, listing in listings:
            with self.subTest(path=path, begins=listing.split("\n", 1)[0]):
                self.assertIn(listing, (ROOT / path).read_text())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
