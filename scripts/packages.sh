#!/usr/bin/env bash
# Installs Debian packages where it may: as root or with password-less sudo. Elsewhere it prints the one command.
# Usage: packages.sh PACKAGE...
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
install="apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $*"
if ! command -v apt-get >/dev/null; then
    echo "error: these packages are missing, by Debian's names: $*" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "error: packages are missing; run: sudo apt-get update && sudo apt-get install -y $*" >&2
    exit 1
fi
echo "    installing $*"
$as_root apt-get update -q >/dev/null
$as_root $install >/dev/null
