"""`lrti-vsr inspect`: the published numbers, as a person and as a program reads them."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
SMALL = ["--set", "depths=[6]", "--set", "heads=[6]"]


def inspect(*arguments):
    return subprocess.run([PROGRAM, "inspect", *map(str, arguments)], capture_output=True, text=True, timeout=120)


class InspectTest(unittest.TestCase):
    def inspected(self, *arguments):
        result = inspect(*arguments, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def text(self, *arguments):
        result = inspect(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def assert_refused(self, result, *words):
        self.assertEqual(result.returncode, 2, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_parameters_and_macs_of_the_papers(self):
        for model, overrides, parameters, published in (
            ("basicvsr", [], 6_291_311, 0.3378),
            ("basicvsr_plusplus", [], 7_322_927, 0.3972),
            ("frvsr", [], 2_589_093, None),
            ("psrt", [], 13_366_943, 2.3905),
            ("psrt", SMALL, 6_412_223, None),
            ("iiab", [], 13_172_543, 1.5415),
            ("lrti_vsr", [], 12_882_143, 1.5415),
            ("lrti_vsr", SMALL, 6_057_023, 0.5887),
        ):
            with self.subTest(model=model, overrides=overrides):
                found = self.inspected("--model", model, *overrides)
                self.assertEqual(found["model"], model)
                self.assertEqual(found["parameters"]["total"], parameters)
                if model != "frvsr":
                    self.assertEqual(found["parameters"]["flow_net"], 1_440_300)
                    self.assertAlmostEqual(found["macs"]["computed"]["flow_net"]["total"] / 1e12, 0.039, places=3)
                if published is not None:
                    self.assertEqual(round(found["macs"]["as_published"] / 1e12, 4), published)

    def test_kinds_add_up(self):
        macs = self.inspected("--model", "lrti_vsr", *SMALL)["macs"]["computed"]["network"]
        self.assertEqual(macs["total"], sum(count for kind, count in macs.items() if kind != "total"))
        self.assertGreater(macs["attention"], 0)

    def test_states(self):
        found = self.inspected("--model", "lrti_vsr")
        self.assertEqual([state["branch"] for state in found["states"]], ["backward_1", "forward_1", "backward_2", "forward_2"])
        for state in found["states"]:
            self.assertEqual((state["order"], state["channels"], state["grid"]), (2, 120, "lr"))
            self.assertEqual(state["bytes"], {"64x64": {"fp32": 1_966_080, "fp16": 983_040},
                                              "180x320": {"fp32": 27_648_000, "fp16": 13_824_000}})
        self.assertEqual(found["clip_states"]["tensors"], 8)
        self.assertEqual(found["clip_states"]["bytes"]["64x64"]["fp32"], 15 << 20)

    def test_a_person_reads_tables(self):
        text = self.text("--model", "lrti_vsr", *SMALL)
        for words in ("6,057,023 parameters, 1,440,300 of them the flow net's", "backward_2", "conv_before_upsample",
                      "of a 180x320 frame", "0.5887 T", "attention", "1.875 MiB", "26.37 MiB", "15 MiB", "8 tensors"):
            self.assertIn(words, text)

    def test_depth_opens_modules_and_folds_those_alike(self):
        root = self.inspected("--model", "basicvsr", "--depth", 0)["modules"]
        self.assertEqual(root, [{"depth": 0, "name": "basicvsr", "kind": "BasicVsr", "count": 1, "parameters": 6_291_311}])
        deep = self.inspected("--model", "basicvsr", "--depth", 5)["modules"]
        blocks = [line for line in deep if line["kind"] == "ResidualBlock"]
        self.assertEqual([(line["name"], line["count"], line["parameters"]) for line in blocks],
                         [("0..29", 30, 30 * 73_856)] * 2)
        self.assertIn("0..29 (30 alike)", self.text("--model", "basicvsr", "--depth", 5))

    def test_size(self):
        one = self.inspected("--model", "basicvsr", "--size", "64x64")["macs"]["as_published"]
        four = self.inspected("--model", "basicvsr", "--size", "128x128")["macs"]["as_published"]
        self.assertEqual(four, 4 * one)
        for size in ("180", "180x", "0x320", "-1x5", "180x320x3", "99999x8"):
            with self.subTest(size=size):
                self.assert_refused(inspect("--model", "basicvsr", f"--size={size}"), "--size", "HEIGHTxWIDTH")
        self.assert_refused(inspect("--model", "psrt", "--size", "4x64"), "at least 5x5")

    def test_a_job_names_the_network(self):
        job = ROOT / "configs/quickstart.yaml"
        self.assertGreater(self.inspected(job)["parameters"]["total"], 0)
        wide = self.inspected(job, "--set", "spec.model.channels=32")["parameters"]["total"]
        narrow = self.inspected(job, "--set", "channels=8")["parameters"]["total"]
        self.assertGreater(wide, narrow)

    def test_a_files_weights_must_fit(self):
        file = ROOT / "tests/data/checkpoints/basicsr.pth"
        self.assert_refused(inspect("--checkpoint", file), "basicsr.pth", "--model TYPE")
        self.assert_refused(inspect("--checkpoint", file, "--model", "basicvsr"), "basicsr.pth", "do not fit")

    def test_what_is_refused(self):
        self.assert_refused(inspect(), "--model TYPE")
        self.assert_refused(inspect("--model", "lrti_vrs"), "lrti_vsr")
        self.assert_refused(inspect("--model", "lrti_vsr", "--set", "depth=[6]"), "depths")
        self.assert_refused(inspect("--model", "lrti_vsr", "--set", "depths=[6]"), "heads")
        self.assert_refused(inspect(ROOT / "configs/quickstart.yaml", "--model", "psrt"), "--model psrt")
        with tempfile.TemporaryDirectory() as folder:
            self.assert_refused(inspect("--checkpoint", folder), "no checkpoint")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
