#!/usr/bin/env bash
# Sees to it that Docker's engine has an image of Apache Kafka for the tests, and prints its name: ours where it is there,
# else the official one where it is there or can be pulled within a minute, else it makes ours without a registry, of
# the cached jars, a Java runtime and this machine's shell. With --new it makes ours in any case.
set -euo pipefail
version=4.4.0
own="forebay/kafka:$version"
official=apache/kafka:4.1.0
cd "$(dirname "$0")/.."

is_there() { docker image inspect "$1" >/dev/null 2>&1; }
found() {
    echo "$1"
    exit 0
}

docker version >/dev/null 2>&1 || {
    echo "error: no Docker engine answers; run this through scripts/docker-engine.sh, which starts one" >&2
    exit 1
}
if [ "${1:-}" != --new ]; then
    ! is_there "$own" || found "$own"
    ! is_there "$official" || found "$official"
    echo "    pulling $official" >&2
    ! timeout 60 docker pull -q "$official" >/dev/null 2>&1 || found "$official"
fi

scripts/fetch-kafka.sh >&2
jars="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/kafka/$version"
command -v jlink >/dev/null || scripts/packages.sh default-jdk-headless >&2
echo "    making $own" >&2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,etc,opt/kafka/libs,tmp}
chmod 755 "$root"
chmod 1777 "$root/tmp"
cp "$jars"/*.jar "$root/opt/kafka/libs/"
jlink --add-modules java.se,jdk.unsupported,jdk.crypto.ec,jdk.management,jdk.security.auth,jdk.zipfs \
    --strip-debug --no-man-pages --no-header-files --generate-cds-archive --output "$root/opt/java" >&2
# A broker draws nothing and plays nothing.
rm -f "$root"/opt/java/lib/lib{awt,fontmanager,freetype,harfbuzz,javajpeg,jawt,jsound,lcms,mlib,splashscreen}*.so

# A shell and what looks into a container; every library that these, the runtime and the jars ask for, at its own path.
tools=(bash cat env id ls readlink sleep)
for tool in "${tools[@]}"; do
    cp -L "$(command -v "$tool")" "$root/bin/"
done
ln -s bash "$root/bin/sh"
programs=("$root"/bin/* "$root"/opt/java/bin/java "$root"/opt/java/lib/*.so "$root"/opt/java/lib/server/*.so)
{
    LD_LIBRARY_PATH="$root/opt/java/lib:$root/opt/java/lib/server" ldd "${programs[@]}" 2>/dev/null || true
    # What native code inside jars links to.
    PATH="$PATH:/usr/sbin:/sbin" ldconfig -p |
        grep -E '^\s(libpthread|libdl|librt|libm|libgcc_s|libstdc\+\+)\.so\.[0-9]+ \(.*(x86-64|AArch64)' || true
} | grep -oE '/[^ ]+\.so[^ ]*' | grep -v "^$root" | sort -u | while read -r library; do
    cp -L --parents "$library" "$root"
done
chmod -R a+rX "$root/opt" "$root/bin"
tar -C "$root" --owner=0 --group=0 -c . | docker import \
    --change 'ENV PATH=/opt/java/bin:/bin' --change 'ENV JAVA_HOME=/opt/java' - "$own" >/dev/null
found "$own"
