"""Known vulnerabilities of requirements.lock, by pip-audit.

Exits 1 with a line for each, and 3 with one line where not every package could be looked up.
"""

import json
import subprocess
import sys

COMMAND = ["pip-audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]


def main() -> None:
    done = subprocess.run(
        [*COMMAND, "--requirement", "requirements.lock"], capture_output=True, text=True
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        said = (done.stderr.strip() or "nothing said").splitlines()[-1]
        print(f"not audited: pip-audit reached no advisories ({said})")
        sys.exit(3)
    for package in packages:
        for found in package.get("vulns", []):
            fixed = ", ".join(found["fix_versions"]) or "no release"
            print(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if skipped:
        print(f"not audited: {len(skipped)} of {len(packages)} packages, first: {skipped[0]}")
    if any(package.get("vulns") for package in packages):
        sys.exit(1)
    if skipped:
        sys.exit(3)
    print(f"no known vulnerability in {len(packages)} packages")


if __name__ == "__main__":
    main()
