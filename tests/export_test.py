"""`lrti-vsr export`, and weights of other programs as a run takes them; Python's torch judges the files."""

import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
CLIP = ROOT / "tests/data/bigbuckbunny.mp4"
FILES = ROOT / "tests/data/checkpoints"
PYTHON = ROOT / ".venv/bin/python"  # has torch, where the wheel is used

JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {{name: test}}
spec:
  model: {{type: basicvsr, channels: 4, blocks: 1, tail_channels: 4, flow: spynet}}
  data:
    train: {{path: {clip}, last_frame: 9, crop: 64}}
    eval: [{{name: unseen, path: {clip}, first_frame: 16, last_frame: 17, crop: 64}}]
  strategy: {{type: plain, clip_frames: 2}}
  optimizer: {{lr: 0.0, schedule: {{type: constant}}}}
  train: {{iterations: 1, global_batch: 1, log_every: 1, threads: 1}}
"""

# Every program runs with what it needs imported, and `path` and `other` from its command line.
PRELUDE = """
import collections, sys, warnings
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
import torch
path, other = sys.argv[1], sys.argv[-1]
sys.path.insert(0, {tools!r})
import safetensors_reader
"""


def tensors_of(path):
    """Name -> (dtype, shape, bytes) of a .safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: (entry["dtype"], entry["shape"], data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]])
            for name, entry in header.items()}


class ExportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.runs = pathlib.Path(tempfile.mkdtemp(prefix="lrti-export-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.runs)
        cls.job = cls.runs / "job.yaml"
        cls.job.write_text(JOB.format(clip=CLIP))
        result = cls.train("first", "--set", "spec.optimizer.lr=1e-3", "--set", "spec.train.ema_decay=0.5")
        assert result.returncode == 0, result.stderr
        cls.checkpoint = cls.checkpoint_of("first")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.runs))

    @classmethod
    def train(cls, run, *arguments):
        command = [PROGRAM, "train", str(cls.job), "--device", "cpu", "--run-dir", str(cls.runs / run), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    @classmethod
    def checkpoint_of(cls, run):
        return cls.runs / run / "checkpoints/step-00000001"

    def export(self, source, name, *arguments):
        command = [PROGRAM, "export", str(source), "-o", str(self.folder / name), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def exported(self, source, name, *arguments):
        result = self.export(source, name, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(name, result.stdout)
        return self.folder / name

    def python(self, program, *paths):
        if not PYTHON.exists():
            self.skipTest(f"{PYTHON} is missing: LibTorch comes from elsewhere")
        command = [str(PYTHON), "-c", PRELUDE.format(tools=str(ROOT / "tools")) + program, *map(str, paths)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def assert_refused(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertNotIn("terminate called", result.stderr)

    # Files for others.

    def test_python_reads_an_exported_pth_to_the_bit(self):
        exported = self.exported(self.checkpoint, "ours.pth", "--weights", "raw")
        self.python("""
groups = torch.load(path, weights_only=True)
assert list(groups) == ["params"], list(groups)
ours = safetensors_reader.read(__import__("pathlib").Path(other))
assert groups["params"].keys() == ours.keys()
for name, tensor in ours.items():
    assert groups["params"][name].dtype == tensor.dtype and torch.equal(groups["params"][name], tensor), name
""", exported, self.checkpoint / "model.safetensors")

    def test_python_reads_mmagics_names(self):
        exported = self.exported(self.checkpoint, "ours.pth", "--naming", "mmagic")
        names = self.python("print(*torch.load(path, weights_only=True)['state_dict'])", exported).split()
        for name in ("backward_resblocks.main.0.weight", "forward_resblocks.main.2.0.conv1.bias", "fusion.weight",
                     "upsample1.upsample_conv.weight", "upsample2.upsample_conv.bias", "conv_last.bias",
                     "spynet.basic_module.5.basic_module.4.conv.weight", "spynet.mean"):
            self.assertIn("generator." + name, names)
        self.assertTrue(all(name.startswith("generator.") for name in names), names)

    def test_what_was_exported_comes_back_to_the_bit(self):
        for weights, file in (("raw", "model.safetensors"), ("ema", "ema.safetensors")):
            for naming in ("basicsr", "mmagic"):
                for format in ("pth", "safetensors"):
                    with self.subTest(weights=weights, naming=naming, format=format):
                        there = self.exported(self.checkpoint, f"there.{format}", "--naming", naming, "--weights", weights)
                        back = tensors_of(self.exported(there, "back.safetensors", "--weights", weights))
                        wanted = tensors_of(self.checkpoint / file)
                        self.assertEqual({name: back[name] for name in wanted}, wanted)
                        self.assertEqual(back.keys(), tensors_of(self.checkpoint / "model.safetensors").keys())

    def test_averages_are_exported_unless_the_raw_weights_are_wanted(self):
        averages = self.exported(self.checkpoint, "a.safetensors").read_bytes()
        raw = self.exported(self.checkpoint, "r.safetensors", "--weights", "raw").read_bytes()
        self.assertNotEqual(averages, raw)

    # Files of others.

    def test_a_file_of_basicsr_is_where_training_starts(self):
        exported = self.exported(self.checkpoint, "theirs.pth")
        self.assert_starts_from(exported, exported)

    def test_a_file_of_mmagic_is_where_training_starts(self):
        exported = self.exported(self.checkpoint, "theirs.pth", "--naming", "mmagic")
        mixed = self.folder / "mixed.pth"
        self.python("""
state = torch.load(path, weights_only=True)["state_dict"]
state = collections.OrderedDict((name, tensor.double()) for name, tensor in state.items())
state["generator.layer.relative_position_index"] = torch.arange(4)
state["step_counter"] = torch.zeros(1)
state["discriminator.weight"] = torch.ones(2)
torch.save({"meta": {"epoch": 1}, "state_dict": state, "optimizer": {}}, other)
""", exported, mixed)
        self.assert_starts_from(mixed, exported)

    def assert_starts_from(self, file, same):
        run = self.folder.name + file.stem
        result = self.train(run, "--set", f"spec.train.init_from={file}")
        self.assertEqual(result.returncode, 0, result.stderr)
        wanted = tensors_of(self.exported(same, "wanted.safetensors"))
        learned = tensors_of(self.checkpoint_of(run) / "model.safetensors")  # at a learning rate of nothing
        self.assertEqual(learned, wanted)
        averages = tensors_of(self.checkpoint_of(run) / "ema.safetensors")
        self.assertEqual(averages, {name: wanted[name] for name in averages}, "the averages begin there too")

    def test_the_flow_net_alone_starts_from_a_file_of_its_own(self):
        exported = self.exported(self.checkpoint, "theirs.pth")
        spynet = self.folder / "spynet.pth"
        self.python("""
params = torch.load(path, weights_only=True)["params"]
flow = {name.removeprefix("spynet."): tensor for name, tensor in params.items() if name.startswith("spynet.basic")}
torch.save({"params": flow}, other)
""", exported, spynet)
        for file in (spynet, exported):  # also out of a whole network
            with self.subTest(file=file.name):
                run = self.folder.name + "flow-" + file.stem
                result = self.train(run, "--set", f"spec.train.flow_init_from={file}", "--set", "spec.train.seed=2")
                self.assertEqual(result.returncode, 0, result.stderr)
                wanted = tensors_of(self.exported(exported, "wanted.safetensors"))
                learned = tensors_of(self.checkpoint_of(run) / "model.safetensors")
                for name in wanted:
                    if name.startswith("spynet."):
                        self.assertEqual(learned[name], wanted[name], name)
                self.assertNotEqual(learned["fusion.weight"], wanted["fusion.weight"])

    def test_eval_reads_a_pth(self):
        exported = self.exported(self.checkpoint, "theirs.pth", "--naming", "mmagic")
        scores = []
        for source in (self.checkpoint, exported):
            result = subprocess.run([PROGRAM, "eval", str(self.job), "--checkpoint", str(source), "--device", "cpu", "--json"],
                                    capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, result.stderr)
            scores.append(json.loads(result.stdout)["sets"])
        self.assertEqual(scores[0], scores[1])

    # What is refused: exit code 2 and nothing written, 1 for damage.

    def test_weights_that_do_not_fit_are_listed_and_nothing_is_written(self):
        result = self.train("unfit", "--set", f"spec.train.init_from={FILES / 'mmagic.pth'}")
        self.assert_refused(result, 2, "mmagic.pth", "missing: backward_trunk.main.0.bias", "unexpected: bias", "upconv1.bias [2]")
        self.assertFalse((self.runs / "unfit").exists())
        result = self.train("unfit", "--set", f"spec.train.flow_init_from={FILES / 'plain.pth'}")
        self.assert_refused(result, 2, "plain.pth", "missing: basic_module.0", "unexpected: bias, weight")
        result = self.train("unfit", "--set", f"spec.train.flow_init_from={FILES / 'plain.pth'}", "--set", "spec.model.flow=none")
        self.assert_refused(result, 2, "plain.pth", "no flow net")

    def test_bad_files_are_refused_by_name(self):
        cut = self.folder / "cut.pth"
        cut.write_bytes((FILES / "basicsr.pth").read_bytes()[:-100])
        for source, code, words in [
            (FILES / "code.pth", 2, ["code.pth", "asks for code: 'posix.system'"]),
            (FILES / "legacy.pth", 2, ["legacy.pth", "import torch"]),
            (cut, 1, ["cut.pth"]),
            (self.folder / "none.pth", 2, ["none.pth", "No such file"]),
            (self.folder, 1, ["manifest.json"]),
        ]:
            with self.subTest(source=source.name):
                self.assert_refused(self.export(source, "out.pth"), code, *words)
                self.assertFalse((self.folder / "out.pth").exists())

    def test_bad_flags(self):
        for name, arguments, words in [
            ("weights.bin", [], ["weights.bin", "--format"]),
            ("weights", [], ["--format"]),
            ("a.pth", ["--format", "onnx"], ["--format"]),
            ("a.pth", ["--naming", "theirs"], ["--naming"]),
            ("a.pth", ["--weights", "best"], ["--weights"]),
            ("no/folder/a.pth", [], ["no/folder/a.pth"]),
        ]:
            with self.subTest(name=name, arguments=arguments):
                self.assert_refused(self.export(self.checkpoint, name, *arguments), 2, *words)
        self.assertTrue(self.exported(self.checkpoint, "weights.bin", "--format", "pth").exists())

    def test_help_teaches(self):
        result = subprocess.run([PROGRAM, "export", "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        for word in ("--naming", "--weights", "Examples:", "weights_only=True", "init_from"):
            self.assertIn(word, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
