#!/usr/bin/env bash
# Fetches the jars of a real Apache Kafka server with Maven (your own settings apply) into the cache.
set -euo pipefail
version=4.4.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/kafka"
home="$cache/$version"
cd "$(dirname "$0")/.."

java_version() { java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'; }

missing=()
# The stand-ins' brokers check tokens with classes that are compiled once: a JDK, not a runtime alone.
{ command -v java && command -v javac; } >/dev/null || missing+=(default-jdk-headless)
[ -e "$home/kafka_2.13-$version.jar" ] || command -v mvn >/dev/null || missing+=(maven)
[ ${#missing[@]} = 0 ] || scripts/packages.sh "${missing[@]}"
if [ "$(java_version)" -lt 17 ] 2>/dev/null; then
    echo "error: Apache Kafka $version needs Java 17 or newer, found $(java_version)" >&2
    exit 1
fi
if [ -e "$home/kafka_2.13-$version.jar" ]; then
    echo "    Apache Kafka $version is in $home"
    exit 0
fi
mkdir -p "$cache"
new=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT
echo "    fetching Apache Kafka $version with Maven (43 MB)"
mvn -q -B -f testcontainers/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$new" -DincludeScope=runtime
# Appears as a whole or not at all. Where two fetch at once the first one wins.
if ! mv -T "$new" "$home" 2>/dev/null && [ ! -e "$home/kafka_2.13-$version.jar" ]; then
    echo "error: $home is there without Kafka's jars; remove it and run this again" >&2
    exit 1
fi
echo "    Apache Kafka $version is in $home"
