#!/usr/bin/env bash
# With one kind of connector built in, the dependency tree holds no other cloud's SDK, and one TLS stack for HTTP. With --check
# every kind is compiled by itself, too, and a kind that is not built in says how to get it.
set -euo pipefail
cd "$(dirname "$0")/.."
kinds=(kafka msk confluent event-hubs google)

tree() { cargo tree --locked -e normal -p forebay --no-default-features --features "cli,$1" --prefix none --format '{p}' | sed 's| (\*)$||' | sort -u; }

failed=0
# What must not be there: KIND PATTERN REASON
absent() {
    if found=$(grep -E "$2" <<<"$packages"); then
        echo "error: with the feature $1 alone there is $3: $(head -n 3 <<<"$found" | tr '\n' ' ')" >&2
        failed=1
    fi
}
# What must be there once: KIND CRATE
once() {
    count=$(grep -cE "^$2 v" <<<"$packages" || true)
    if [ "$count" != 1 ]; then
        echo "error: with the feature $1 alone there are $count versions of $2, and one is wanted" >&2
        failed=1
    fi
}
for kind in "${kinds[@]}"; do
    packages=$(tree "$kind")
    [ "$kind" = msk ] || absent "$kind" '^aws-(config|sdk|sig|smithy|credential|types|msk)' "an SDK of AWS"
    [ "$kind" = event-hubs ] || absent "$kind" '^(azure_|typespec)' "an SDK of Azure"
    absent "$kind" '^(native-tls|hyper-tls|tokio-native-tls|ring) ' "a second TLS stack"
    once "$kind" rustls
    once "$kind" hyper
    once "$kind" reqwest
    echo "    $kind: $(wc -l <<<"$packages") packages"
done
[ "$failed" = 0 ] || exit 1
[ "${1:-}" = --check ] || exit 0

for kind in "${kinds[@]}"; do
    echo "    compiling with $kind alone"
    cargo check --locked --quiet -p forebay --no-default-features --features "cli,$kind"
done
said=$(cargo run --locked --quiet -p forebay --no-default-features --features cli -- check tests/features/msk.yaml 2>&1 || true)
grep -q 'rebuild with `--features msk`' <<<"$said" || {
    echo "error: a kind that is not built in does not say how to get it: $said" >&2
    exit 1
}
