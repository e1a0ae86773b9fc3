#!/usr/bin/env bash
# A Python with the packages that the benchmark's Python system needs, in the cache; prints its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=bench/systems/python/requirements.txt
home="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/bench-python/$(sha256sum "$requirements" | cut -c1-12)"
if [ ! -e "$home/ready" ]; then
    python3 -c "import venv, ensurepip" 2>/dev/null || scripts/packages.sh python3-venv >&2
    echo "    fetching the benchmark's Python packages with pip" >&2
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: -r "$requirements" >&2
    touch "$home/ready"
fi
echo "$home/bin/python"
