#!/usr/bin/env bash
# A Chromium for the tests of the page: one that is there, else Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${FOREBAY_CHROMIUM:-}" ] || command -v chromium >/dev/null || scripts/packages.sh chromium fonts-dejavu-core
