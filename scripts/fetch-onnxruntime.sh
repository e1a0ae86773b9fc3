#!/usr/bin/env bash
# Fetches ONNX Runtime's shared library out of its PyPI wheel with pip (your own settings apply) into the cache, and
# checks its SHA-256.
set -euo pipefail
version=1.32.0
home="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/onnxruntime/$version"
library="$home/libonnxruntime.so"
case "$(uname -m)" in
    x86_64) platform=manylinux_2_28_x86_64 sha=6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f ;;
    aarch64) platform=manylinux_2_28_aarch64 sha=49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a ;;
    *)
        echo "error: no ONNX Runtime is known for $(uname -m); name a library with ORT_DYLIB_PATH" >&2
        exit 1
        ;;
esac
if [ -e "$library" ]; then
    echo "    ONNX Runtime $version is $library"
    exit 0
fi
cd "$(dirname "$0")/.."
command -v python3 >/dev/null || scripts/packages.sh python3 python3-pip
python3 -m pip --version >/dev/null 2>&1 || scripts/packages.sh python3-pip
mkdir -p "$home"
new=$(mktemp -d "$home/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT
echo "    fetching ONNX Runtime $version with pip (27 MB)"
python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 \
    --platform "$platform" --dest "$new" "onnxruntime==$version"
python3 -m zipfile -e "$new"/onnxruntime-*.whl "$new/wheel"
found="$new/wheel/onnxruntime/capi/libonnxruntime.so.$version"
echo "$sha  $found" | sha256sum --check --quiet || {
    echo "error: the library in the wheel is not the one that is known; it was not kept" >&2
    exit 1
}
mv "$found" "$library"
echo "    ONNX Runtime $version is $library"
