#!/usr/bin/env bash
# Fetches the jars of a real Apache Kafka server with Maven (your own settings apply) into the cache.
set -euo pipefail
version=4.4.0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/kafka"
home="$cache/$version"
if [ -e "$home/kafka_2.13-$version.jar" ]; then
    echo "    Apache Kafka $version is in $home"
    exit 0
fi
cd "$(dirname "$0")/.."
missing=()
command -v java >/dev/null || missing+=(default-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
[ ${#missing[@]} = 0 ] || scripts/packages.sh "${missing[@]}"
mkdir -p "$cache"
new=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT
echo "    fetching Apache Kafka $version with Maven (43 MB)"
mvn -q -B -f testcontainers/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$new" -DincludeScope=runtime
rm -rf "$home"
mv "$new" "$home"
trap - EXIT
echo "    Apache Kafka $version is in $home"
