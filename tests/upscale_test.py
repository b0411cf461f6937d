"""`lrti-vsr upscale`: real frames through the real program; `eval` and arithmetic judge the pictures."""

import json
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from pictures import pattern, read_png, write_png

PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
CLIP = ROOT / "tests/data/bigbuckbunny.mp4"
MODEL = {"type": "basicvsr", "channels": 4, "blocks": 1, "tail_channels": 4}
HEIGHT, WIDTH, FRAMES = 18, 26, 5

JOB = """
apiVersion: lrti/v1
kind: TrainingJob
metadata: {{name: test}}
spec:
  model: {model}
  data:
    train: {{path: {clip}, last_frame: 9, crop: 64}}
    eval: {sets}
  strategy: {{type: plain, clip_frames: 2}}
  optimizer: {{lr: 1e-3, schedule: {{type: constant}}}}
  train: {{iterations: 1, global_batch: 1, log_every: 1, threads: 1, ema_decay: 0.5}}
"""


class UpscaleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="lrti-upscale-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.root)
        cls.frames = cls.root / "frames"
        cls.frames.mkdir()
        for frame in range(FRAMES):
            write_png(cls.frames / f"im{frame + 8}.png", HEIGHT, WIDTH, pattern(frame, HEIGHT, WIDTH))  # 10 comes after 9
        result = subprocess.run([PROGRAM, "train", str(cls.job()), "--device", "cpu", "--run-dir", str(cls.root / "run")],
                                capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        cls.checkpoint = cls.root / "run/checkpoints/step-00000001"

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        self.output = self.folder / "large"

    @classmethod
    def job(cls, *sets):
        path = cls.root / "job.yaml"
        path.write_text(JOB.format(model=json.dumps(MODEL), clip=CLIP, sets=json.dumps(sets)))
        return path

    def command(self, frames, output, checkpoint, *arguments):
        return [PROGRAM, "upscale", str(frames), "-o", str(output), "--checkpoint", str(checkpoint), "--device", "cpu", *arguments]

    def upscale(self, *arguments, frames=None, output=None, checkpoint=None):
        command = self.command(frames or self.frames, output or self.output, checkpoint or self.checkpoint, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def upscaled(self, *arguments, **where):
        result = self.upscale(*arguments, **where)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def names(self, folder=None):
        return sorted(path.name for path in (folder or self.output).iterdir())

    def pictures(self, folder):
        return {path.name: read_png(path) for path in folder.iterdir()}

    def assert_refused(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertNotIn("terminate called", result.stderr)

    def exported(self, name, *arguments):
        path = self.folder / name
        subprocess.run([PROGRAM, "export", str(self.checkpoint), "-o", str(path), *arguments], check=True, capture_output=True)
        return path

    # What comes out.

    def test_pictures_have_the_names_of_the_frames_and_four_times_their_size(self):
        result = self.upscaled()
        self.assertEqual(self.names(), self.names(self.frames))
        for bits, height, width, _ in self.pictures(self.output).values():
            self.assertEqual((bits, height, width), (8, 4 * HEIGHT, 4 * WIDTH))
        self.assertIn(f"5 frames of {4 * WIDTH}x{4 * HEIGHT} pixels in {self.output}", result.stdout)
        self.assertIn("5/5 frames written", result.stderr)

    def test_pictures_are_what_eval_computes(self):
        self.upscaled()
        truth = {"name": "same", "path": str(self.output), "lr_path": str(self.frames), "crop": 0}  # our own pictures
        job = self.job(truth)
        result = subprocess.run([PROGRAM, "eval", str(job), "--checkpoint", str(self.checkpoint), "--device", "cpu", "--json"],
                                capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        (frames,) = json.loads(result.stdout)["sets"]["same"]["clips"].values()
        self.assertEqual(len(frames), FRAMES)
        for frame in frames:
            self.assertIsNone(frame["psnr"], "no difference: infinitely many dB")
            self.assertAlmostEqual(frame["ssim"], 1, places=12)
            self.assertIsNotNone(frame["bicubic_psnr"])

    def test_sixteen_bits_round_to_eight(self):
        self.upscaled()
        deep = self.folder / "deep"
        self.upscaled("--bits", "16", output=deep)
        for name, (bits, height, width, values) in self.pictures(deep).items():
            self.assertEqual((bits, height, width), (16, 4 * HEIGHT, 4 * WIDTH))
            self.assertGreater(len({value % 257 for value in values}), 200, "8 bits in disguise")
            eight = read_png(self.output / name)[3]
            for deep_value, value in zip(values, eight):
                self.assertLessEqual(abs(deep_value / 257 - value), 0.5 + 1 / 257)

    def test_json_says_what_was_done(self):
        result = self.upscaled("--json", "--bits", "16")
        done = json.loads(result.stdout)
        self.assertGreater(done.pop("seconds"), 0)
        self.assertEqual(done, {"output": str(self.output), "frames": FRAMES, "width": 4 * WIDTH, "height": 4 * HEIGHT, "bits": 16})

    def test_a_video_file_gives_numbered_pictures(self):
        video = self.folder / "small.y4m"
        plane = bytes(range(HEIGHT * WIDTH % 256)) + bytes(HEIGHT * WIDTH - HEIGHT * WIDTH % 256)
        video.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C444\n".encode() + 3 * (b"FRAME\n" + 3 * plane))
        self.upscaled(frames=video)
        self.assertEqual(self.names(), ["00000000.png", "00000001.png", "00000002.png"])

    # Which weights.

    def test_averages_are_preferred_and_a_file_needs_the_networks_name(self):
        self.upscaled()
        wanted = self.pictures(self.output)
        sizes = ["--set", "channels=4", "--set", "spec.model.blocks=1", "--set", "tail_channels=4"]
        for name, naming, weights, same in (("ema.pth", "basicsr", "ema", True), ("ema.safetensors", "mmagic", "ema", True),
                                            ("raw.pth", "basicsr", "raw", False)):
            with self.subTest(name=name):
                file = self.exported(name, "--naming", naming, "--weights", weights)
                output = self.folder / f"of-{name}"
                self.assert_refused(self.upscale(checkpoint=file, output=output), 2, name, "--model TYPE")
                self.assertFalse(output.exists())
                self.upscaled("--model", "basicvsr", *sizes, checkpoint=file, output=output)
                self.assertEqual(self.pictures(output) == wanted, same)
        result = self.upscale("--model", "basicvsr", checkpoint=self.folder / "ema.pth", output=self.folder / "unfit")
        self.assert_refused(result, 2, "ema.pth", "the weights do not fit the network")
        self.assertFalse((self.folder / "unfit").exists())

    def test_inspect_knows_the_checkpoints_network_too(self):
        result = subprocess.run([PROGRAM, "inspect", "--checkpoint", str(self.checkpoint), "--json"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual((found["model"], found["states"][0]["channels"]), ("basicvsr", MODEL["channels"]))

    # What is in the way.

    def test_a_folder_with_files_is_left_alone_unless_told(self):
        self.output.mkdir()
        (self.output / "im9.png").write_text("mine")
        (self.output / "notes.txt").write_text("mine")
        self.assert_refused(self.upscale(), 2, str(self.output), "2 files", "--overwrite")
        self.assertEqual((self.output / "im9.png").read_text(), "mine")
        self.upscaled("--overwrite")
        self.assertEqual((self.output / "notes.txt").read_text(), "mine")
        self.assertEqual(read_png(self.output / "im9.png")[1:3], (4 * HEIGHT, 4 * WIDTH))
        self.assertEqual(self.names(), sorted([*self.names(self.frames), "notes.txt"]))

    def test_a_failure_half_way_leaves_whole_files_and_says_how_many(self):
        (self.output / "im10.png").mkdir(parents=True)  # nothing can take this name
        result = self.upscale("--overwrite")
        self.assert_refused(result, 2, "im10.png", f"2 of 5 frames are in {self.output}")
        self.assertEqual(self.names(), ["im10.png", "im8.png", "im9.png"])
        for name in ("im8.png", "im9.png"):
            self.assertEqual(read_png(self.output / name)[1:3], (4 * HEIGHT, 4 * WIDTH))

    def test_ctrl_c_ends_with_what_is_written(self):
        long = self.folder / "long"
        long.mkdir()
        for frame in range(150):
            write_png(long / f"{frame:04d}.png", 96, 96, pattern(frame, 96, 96))
        process = subprocess.Popen(self.command(long, self.output, self.checkpoint), stderr=subprocess.PIPE, text=True)
        line = process.stderr.readline()  # the first progress line: it runs
        self.assertIn("upscaling", line)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        rest = process.communicate(timeout=60)[1]
        self.assertLess(time.monotonic() - begin, 30)
        self.assertEqual(process.returncode, 130, rest)
        self.assertIn(f"of 150 frames are in {self.output}", rest)
        self.assertEqual([name for name in self.names() if not name.endswith(".png") or name.startswith(".")], [])

    # What is refused: nothing is written.

    def assert_refuses_frames(self, code, *words, frames=None, arguments=()):
        self.assert_refused(self.upscale(*arguments, frames=frames), code, *words)
        self.assertFalse(self.output.exists())

    def sequence(self, *pictures):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        for name, height, width in pictures:
            write_png(folder / name, height, width, pattern(0, height, width))
        return folder

    def test_bad_frames(self):
        self.assert_refuses_frames(2, "nowhere", "no such file", frames=self.folder / "nowhere")
        self.assert_refuses_frames(2, "no images", frames=self.sequence())
        self.assert_refuses_frames(2, "1.png", "26x20 pixels", "26x18", frames=self.sequence(("0.png", 18, 26), ("1.png", 20, 26)))
        self.assert_refuses_frames(2, "1.png is missing", frames=self.sequence(("0.png", 18, 26), ("2.png", 18, 26)))
        twice = self.sequence(("0.png", 18, 26))
        shutil.copy(twice / "0.png", twice / "0.jpg")
        self.assert_refuses_frames(2, "0.jpg", "0.png", frames=twice)
        text = self.sequence(("0.png", 18, 26), ("1.png", 18, 26))
        (text / "1.png").write_text("hello")
        self.assert_refuses_frames(2, "1.png", "not a PNG", frames=text)
        torn = self.sequence(("0.png", 18, 26), ("1.png", 18, 26))
        (torn / "1.png").write_bytes((torn / "1.png").read_bytes()[:-40])
        self.assert_refuses_frames(1, "1.png", "damaged", frames=torn)

    def test_a_video_that_no_memory_holds(self):
        side, limit = 4096, 64 << 30
        frames = self.sequence()
        write_png(frames / "0.png", side, side, [bytes(3 * side)] * side)
        for frame in range(1, limit // (12 * side * side) + 2):
            (frames / f"{frame}.png").hardlink_to(frames / "0.png")
        result = subprocess.run(self.command(frames, self.output, self.checkpoint), capture_output=True, text=True, timeout=120,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assert_refused(result, 1, "error: ", "memory")
        self.assertFalse(self.output.exists())

    def test_frames_below_the_networks_window(self):
        small = self.sequence(("0.png", 3, 26), ("1.png", 3, 26))
        sizes = ["--set", "embed_dim=8", "--set", "depths=[1]", "--set", "heads=[1]"]
        for window, least in ((8, "5x5"), (12, "7x7")):
            self.assert_refuses_frames(2, "26x3", f"at least {least}", frames=small,
                                       arguments=["--model", "lrti_vsr", *sizes, "--set", f"window={window}"])
        self.upscaled(frames=small)  # basicvsr takes any

    def test_bad_flags(self):
        for arguments, words in [
            (["--bits", "12"], ["--bits"]),
            (["--precision", "fp8"], ["--precision"]),
            (["--device", "tpu"], ["--device"]),
            (["--model", "basicvrs"], ["basicvsr"]),
            (["--model", "basicvsr", "--set", "chanels=3"], ["channels"]),
            (["--model", "basicvsr", "--set", "spec.train.seed=3"], ["only the network's own fields"]),
        ]:
            with self.subTest(arguments=arguments):
                self.assert_refuses_frames(2, *words, arguments=arguments)

    def test_bad_places(self):
        self.assert_refused(self.upscale(output=self.checkpoint / "manifest.json"), 2, "is a file")
        self.assert_refused(self.upscale("--overwrite", output=self.frames), 2, "is the input")
        self.assert_refused(self.upscale(checkpoint=self.root / "run"), 2, "no checkpoint", "step-")
        self.assert_refused(self.upscale(checkpoint=self.root / "none"), 2, "none", "no such file")
        self.assertFalse(self.output.exists())

    def test_help_teaches(self):
        result = subprocess.run([PROGRAM, "upscale", "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        for word in ("--checkpoint", "--model", "--bits", "--overwrite", "Examples:", "come later"):
            self.assertIn(word, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
