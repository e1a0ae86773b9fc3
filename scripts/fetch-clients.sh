#!/usr/bin/env bash
# Fetches the jars of a Java client with Maven (your own settings apply) into the cache, and checks the SHA-256 of each; prints their folder.
# With --where it fetches nothing, and fails where there are none yet. Usage: fetch-clients.sh [--where] serdes|connect
set -euo pipefail
fetch=yes
if [ "${1:-}" = --where ]; then
    fetch=no
    shift
fi
cd "$(dirname "$0")/.."
client="$1"
sums="$PWD/tests/clients/java/$client.sha256"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/clients"
home="$cache/$client-$(sha256sum "$sums" | cut -c1-12)"
if [ ! -d "$home" ]; then
    if [ "$fetch" = no ]; then
        echo "error: no jars of $client in $home; scripts/fetch-clients.sh $client fetches them" >&2
        exit 1
    fi
    missing=()
    # The clients are sources, which java compiles as it starts them.
    { command -v java && command -v javac; } >/dev/null || missing+=(default-jdk-headless)
    command -v mvn >/dev/null || missing+=(maven)
    [ ${#missing[@]} = 0 ] || scripts/packages.sh "${missing[@]}" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/.new-XXXXXX")
    trap 'rm -rf "$new"' EXIT
    echo "    fetching the jars of $client with Maven" >&2
    mvn -q -B -f "tests/clients/java/$client.xml" dependency:copy-dependencies -DoutputDirectory="$new" -DincludeScope=runtime >&2
    (cd "$new" && sha256sum --check --strict --quiet "$sums") || {
        echo "error: the jars of $client are not those that are known; they were not kept" >&2
        exit 1
    }
    # Appears as a whole or not at all. Where two fetch at once the first one wins.
    mv -T "$new" "$home" 2>/dev/null || [ -d "$home" ]
fi
echo "$home"
