#!/usr/bin/env bash
# Fetches Prometheus, promtool and Alertmanager, of Debian's packages, into the cache: they are unpacked there and not installed, so no
# server of this machine's starts. What is on the path is not fetched.
set -euo pipefail
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay"
# Debian's Alertmanager opens its default template there and nowhere else.
templates=/usr/share/prometheus/alertmanager
mkdir -p "$cache"
new=$(mktemp -d "$cache/.prometheus-XXXXXX")
trap 'rm -rf "$new"' EXIT

# Runs a command as root, where it may.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@" 2>/dev/null; fi
}

# Usage: all_there FOLDER PROGRAM...
all_there() {
    local folder=$1 program
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null || [ -x "$folder/$program" ] || return 1
    done
}

# Unpacks a package's programs. Usage: fetch PACKAGE FOLDER PROGRAM...
fetch() {
    local package=$1 folder=$2
    shift 2
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "error: $package is missing; install it so that these are on the path: $*" >&2
        exit 1
    fi
    cd "$new"
    # Lists that are not there, or older than what they lead to, are fetched anew; that wants root.
    if ! apt-get -q -o APT::Sandbox::User= download "$package" >/dev/null 2>&1; then
        if ! as_root apt-get -o DPkg::Lock::Timeout=300 update -q >/dev/null; then
            echo "error: the package $package is not found; run: sudo apt-get update" >&2
            exit 1
        fi
        apt-get -q -o APT::Sandbox::User= download "$package" >/dev/null
    fi
    dpkg-deb -x "$package"_*.deb "$package"
    # Appears as a whole or not at all. Where two fetch at once the first one wins.
    if ! mv -T "$package/usr/bin" "$folder" 2>/dev/null && ! all_there "$folder" "$@"; then
        echo "error: $folder is there without $*; remove it and run this again" >&2
        exit 1
    fi
}

if ! all_there "$cache/prometheus" prometheus promtool; then
    fetch prometheus "$cache/prometheus" prometheus promtool
fi
if ! all_there "$cache/alertmanager" prometheus-alertmanager || [ ! -e "$templates/default.tmpl" ]; then
    fetch prometheus-alertmanager "$cache/alertmanager" prometheus-alertmanager
    if [ ! -e "$templates/default.tmpl" ] &&
        ! as_root install -D -m 644 -t "$templates" "$new/prometheus-alertmanager$templates"/{default,email}.tmpl; then
        echo "error: Alertmanager's default template is missing; run: sudo apt-get install prometheus-alertmanager" >&2
        exit 1
    fi
fi
echo "    Prometheus and Alertmanager are there"
