"""The injector of matchers into PromQL against Prometheus' own parser: tests/promql, in Go, with the module's own tests as its input."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
MODULE = "github.com/prometheus/prometheus"


def main():
    if not shutil.which("go"):
        print("skipped: there is no go to build Prometheus' parser with")
        print("0 passed, 0 failed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        oracle, inject = pathlib.Path(folder, "oracle"), pathlib.Path(folder, "inject")
        built = subprocess.run(["go", "build", "-o", oracle, "."], cwd=HERE / "promql", text=True, capture_output=True)
        if built.returncode:
            # an old Go, or a machine that cannot fetch the module
            print("skipped: Prometheus' parser could not be built:", (built.stderr.strip().splitlines() or ["?"])[-1])
            print("0 passed, 0 failed")
            return 0
        subprocess.run([HERE.parent / "build.sh", "link", "tests/inject/inject.c", inject], cwd=HERE.parent, check=True, stdout=subprocess.DEVNULL)
        source = subprocess.run(["go", "list", "-m", "-f", "{{.Dir}}", MODULE], cwd=HERE / "promql", text=True, capture_output=True, check=True).stdout.strip()
        return subprocess.run([oracle, inject, source, os.environ.get("ROUNDS", "8000")]).returncode


if __name__ == "__main__":
    sys.exit(main())
