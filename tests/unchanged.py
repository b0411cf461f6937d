"""Runs a test for ctest. With LRTI_SKIP_UNCHANGED it is skipped where it passed and nothing that it sees has changed since.

  unchanged.py BUILD/passed/NAME COMMAND [ARGUMENT...]

What a test sees: the files that its command names, the programs in BUILD/bin, and some folders of the source tree. The
first argument is a file that a pass leaves behind. A change is another size or time of writing.
"""

import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("tests", "tools", "configs", "docs/examples")
SKIPPED = 77  # SKIP_RETURN_CODE


def seen(command, programs):
    """Every file that the test sees, in order."""
    named = [path for path in map(pathlib.Path, command) if path.is_file()]
    folders = [ROOT / folder for folder in FOLDERS] + [programs]
    below = [path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted({*named, *below})


def key(command, programs):
    digest = hashlib.sha256(repr(command).encode())
    for path in seen(command, programs):
        about = path.stat()
        digest.update(f"{path} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def main():
    stamp, command = pathlib.Path(sys.argv[1]), sys.argv[2:]
    now = key(command, stamp.parent.parent / "bin")
    if os.environ.get("LRTI_SKIP_UNCHANGED") and stamp.exists() and stamp.read_text() == now:
        print("it passed, and nothing that it sees has changed since (`make test-all` runs it)")
        return SKIPPED
    stamp.unlink(missing_ok=True)
    code = subprocess.run(command).returncode
    if code == 0:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(now)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
