#!/usr/bin/env bash
# A Python with the packages of a requirements file, in the cache; prints its interpreter. With --where it fetches
# nothing, and fails where there is none yet.
set -euo pipefail
fetch=yes
if [ "${1:-}" = --where ]; then
    fetch=no
    shift
fi
cd "$(dirname "$0")/.."
requirements="$1"
home="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/python/$(sha256sum "$requirements" | cut -c1-12)"
if [ ! -e "$home/ready" ]; then
    if [ "$fetch" = no ]; then
        echo "error: no Python with the packages of $requirements in $home; scripts/fetch-python.sh $requirements fetches it" >&2
        exit 1
    fi
    python3 -c "import venv, ensurepip" 2>/dev/null || scripts/packages.sh python3-venv >&2
    echo "    fetching the packages of $requirements with pip" >&2
    rm -rf "$home"
    python3 -m venv "$home"
    "$home/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: -r "$requirements" >&2
    touch "$home/ready"
fi
echo "$home/bin/python"
