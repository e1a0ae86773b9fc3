#!/usr/bin/env bash
# Fetches Prometheus and promtool, of Debian's package, into the cache: it is unpacked there and not installed, so no server of this
# machine's starts. Where both are on the path nothing is fetched.
set -euo pipefail
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay"
home="$cache/prometheus"
if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    echo "    Prometheus is $(command -v prometheus)"
    exit 0
fi
if [ -x "$home/prometheus" ] && [ -x "$home/promtool" ]; then
    echo "    Prometheus is in $home"
    exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "error: Prometheus is missing; install it so that prometheus and promtool are on the path" >&2
    exit 1
fi
mkdir -p "$cache"
new=$(mktemp -d "$cache/.prometheus-XXXXXX")
trap 'rm -rf "$new"' EXIT
cd "$new"
download() { apt-get -q -o APT::Sandbox::User= download prometheus >/dev/null; }
# Lists that are not there, or older than what they lead to, are fetched anew; that wants root.
if ! download 2>/dev/null; then
    if [ "$(id -u)" = 0 ]; then
        apt-get -o DPkg::Lock::Timeout=300 update -q >/dev/null
    elif sudo -n true 2>/dev/null; then
        sudo -n apt-get -o DPkg::Lock::Timeout=300 update -q >/dev/null
    else
        echo "error: the package prometheus is not found; run: sudo apt-get update" >&2
        exit 1
    fi
    download
fi
dpkg-deb -x prometheus_*.deb unpacked
# Appears as a whole or not at all. Where two fetch at once the first one wins.
if ! mv -T unpacked/usr/bin "$home" 2>/dev/null && [ ! -x "$home/promtool" ]; then
    echo "error: $home is there without promtool; remove it and run this again" >&2
    exit 1
fi
echo "    Prometheus is in $home"
