"""The example apps: each charm runs on the simulator as its state file says, its app gets the environment that is written down, and the
sources are fit to be built."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
DISPATCH = os.environ.get("DISPATCH", str(ROOT / "build" / "dispatch"))
FRAMEWORKS = ("flask", "django", "fastapi", "go", "expressjs", "spring-boot")


def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120, **more)


def test_charm(name):
    folder = EXAMPLES / name
    world = ("--charm", folder, "--state", folder / "state.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        after = pathlib.Path(scratch) / "after.json"
        done = run(DISPATCH, "run", "config-changed", *world, "--output", after, "--format", "json")
        check(done.returncode == 0, f"{name}: run: {done.stderr}")
        shown, state = json.loads(done.stdout), json.loads(after.read_text())
        check(shown["unit_status"] == {"name": "active", "message": ""} and shown["exit_code"] == 0, f"{name}: {shown['unit_status']}")
        check(shown["services"][name]["current"] == "active", f"{name}: {shown['services']}")
        check(state["unit_status"]["name"] == "active", f"{name}: {state['unit_status']}")
        # What has been done is not done again.
        again = run(DISPATCH, "plan", "config-changed", "--charm", folder, "--state", after, "--format", "json")
        plan = json.loads(again.stdout)
        check(plan["steps"] == [] and plan["databags"] == [], f"{name}: a second run has work to do: {again.stdout}")

    done = run(DISPATCH, "env", *world, "--show-secrets")
    check(done.stdout == (folder / "environment.txt").read_text(), f"{name}: the environment differs from environment.txt:\n{done.stdout}")
    done = run(DISPATCH, "check", folder)
    check(done.returncode == 0, f"{name}: check: {done.stdout}{done.stderr}")


def test_sources(name):
    app = EXAMPLES / name / "app"
    for source in app.rglob("*.py"):
        try:
            compile(source.read_text(), str(source), "exec")
            check(True, "")
        except SyntaxError as error:
            check(False, f"{source}: {error}")
    for source in app.rglob("*.sh"):
        done = run("bash", "-n", source)
        check(done.returncode == 0, f"{source}: {done.stderr}")
    for source in app.rglob("*.json"):
        check(json.loads(source.read_text()), source)
    if (app / "go.mod").exists() and shutil.which("go"):
        done = run("go", "vet", ".", cwd=app)
        check(done.returncode == 0, f"{name}: go vet: {done.stderr}")
    if (app / "app.js").exists() and shutil.which("node"):
        done = run("node", "--check", "app.js", cwd=app)
        check(done.returncode == 0, f"{name}: node --check: {done.stderr}")


def main():
    for name in FRAMEWORKS:
        test_charm(name)
        test_sources(name)
    check({folder.name for folder in EXAMPLES.iterdir() if (folder / "state.yaml").exists()} == set(FRAMEWORKS), "an example that nobody tests")
    return end()


if __name__ == "__main__":
    sys.exit(main())
