"""The transcripts of test_outputs.py once more, by a program that has the sanitizers built in: no command steps over its memory."""
import os
import pathlib
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent

with tempfile.TemporaryDirectory() as scratch:
    program = os.environ.get("SANITIZED", f"{scratch}/dispatch")
    if "SANITIZED" not in os.environ:
        subprocess.run([TESTS.parent / "build.sh", "link", "main.c", program], cwd=TESTS.parent, check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([sys.executable, "-B", TESTS / "test_outputs.py", "--no-loops"], env=os.environ | {"DISPATCH": program})
sys.exit(done.returncode)
