#!/usr/bin/env bash
# Install a missing system part with apt: `install.sh venv`, `tex`, `slurm` or `browser`.
# Says what it installs. Without the right to, says in one line how to get it and exits 3.
set -euo pipefail

case "${1-}" in
venv)
  packages=(python3-venv)
  "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null && exit 0
  ;;
tex)
  packages=(latexmk texlive-latex-extra texlive-publishers texlive-science texlive-pictures
    texlive-fonts-recommended texlive-bibtex-extra)
  command -v latexmk >/dev/null && kpsewhich IEEEtran.cls draftwatermark.sty >/dev/null &&
    exit 0
  ;;
slurm) # for the tests: one node, started by hand
  packages=(slurm-wlm munge)
  command -v slurmctld >/dev/null && command -v munged >/dev/null && exit 0
  ;;
browser) # for the tests of the explorer
  packages=(chromium)
  command -v chromium >/dev/null && exit 0
  ;;
*)
  echo "usage: install.sh venv|tex|slurm|browser" >&2
  exit 2
  ;;
esac

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo); else as_root=(no); fi
fi
if [ "${as_root[0]-}" = no ] || ! command -v apt-get >/dev/null; then
  echo "$1 is missing and cannot be installed from here: as root, run: apt-get install --no-install-recommends ${packages[*]}" >&2
  exit 3
fi
echo "installing with apt: ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
