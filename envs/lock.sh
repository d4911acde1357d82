#!/usr/bin/env bash
# Resolve the pins of pyproject.toml, with all that they need, into requirements*.lock.
# torch's own CUDA packages are left out: they follow from the build of torch that is installed.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pins() { python3 -c "
import tomllib
project = tomllib.load(open('pyproject.toml', 'rb'))
print(*(project['project']['dependencies'] if '$1' == 'run' else project['dependency-groups']['dev']), sep='\n')"; }
python3 -m venv "$scratch/venv"
pip=("$scratch/venv/bin/python" -m pip --quiet)
frozen() { "${pip[@]}" freeze | grep -v '^nvidia-' | sed 's/^\(torch==[0-9.]*\)+.*/\1/'; }
"${pip[@]}" install "$(pins run | grep '^torch==')"
pins run >"$scratch/run.txt" && "${pip[@]}" install -r "$scratch/run.txt"
{ echo "# made by envs/lock.sh from pyproject.toml"; frozen; } >requirements.lock
pins dev >"$scratch/dev.txt" && "${pip[@]}" install -r "$scratch/dev.txt" -c requirements.lock
{ echo "# made by envs/lock.sh from pyproject.toml"; frozen | grep -vxF -f requirements.lock; } >requirements-dev.lock
