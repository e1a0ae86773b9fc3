#!/usr/bin/env bash
# What a build needs: a C and C++ compiler, make, OpenSSL's and zlib's headers, and cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v c++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
command -v pkg-config >/dev/null || missing+=(pkg-config)
command -v python3 >/dev/null || missing+=(python3)
[ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
[ -e /usr/include/zlib.h ] || missing+=(zlib1g-dev)
[ ${#missing[@]} = 0 ] || scripts/packages.sh "${missing[@]}"
if ! command -v cargo >/dev/null; then
    echo "error: cargo is missing; install Rust with rustup (https://rustup.rs), then run this again" >&2
    exit 1
fi
