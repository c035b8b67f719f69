"""The list of what is in the executable: valid SPDX by the publisher's own validator, and the same as deps.lock and the executable say."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from checks import check, end

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))


def main():
    done = subprocess.run([ROOT / "build.sh", "sbom"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"BUILD_DIR": str(BUILD)})
    check(done.returncode == 0, done.stdout)
    document = parse_file(str(BUILD / "sbom.spdx.json"))
    for message in validate_full_spdx_document(document, "SPDX-2.3"):
        check(False, message.validation_message)

    packages = {p.name: p for p in document.packages}
    rows = [line.split() for line in (ROOT / "deps.lock").read_text().splitlines() if line and not line.startswith("#")]
    check(packages.keys() - {"monocharm", "libgcc"} == {row[0] for row in rows}, f"packages: {sorted(packages)}")
    for name, version, digest, tarball, licence in rows:
        p = packages[name]
        check((p.version, p.file_name, str(p.license_declared)) == (version, tarball, licence), f"{name}: {p.version} {p.file_name} {p.license_declared}")
        check([c.value for c in p.checksums] == [digest], f"{name}: its hash")
    ours = packages["monocharm"].checksums[0].value
    check(ours == hashlib.sha256((BUILD / "dispatch").read_bytes()).hexdigest(), "the executable's own hash")

    text = subprocess.run([BUILD / "dispatch", "version", "--json"], stdout=subprocess.PIPE, check=True, text=True).stdout
    said = json.loads(text)
    check(said["version"] == packages["monocharm"].version, text)
    check([[c["name"], c["version"], c["sha256"], c["source"], c["licence"]] for c in said["components"] if c["name"] != "monocharm"] == rows,
          f"the executable tells what deps.lock says: {text}")


main()
sys.exit(end())
