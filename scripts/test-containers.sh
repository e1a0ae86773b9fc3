#!/usr/bin/env bash
# Runs the tests of the test brokers, and some that use them, against Kafka in containers. It needs Docker's engine:
# scripts/docker-engine.sh brings one. Usage: test-containers.sh CARGO-OPTION...
set -euo pipefail
cd "$(dirname "$0")/.."
image="${FOREBAY_KAFKA_IMAGE:-$(scripts/make-kafka-image.sh)}"
echo "==> running tests with Kafka in containers of $image"
export FOREBAY_TEST_BACKEND=docker FOREBAY_KAFKA_IMAGE="$image"
names=(backend:: docker:: tests::a_cluster cluster:: left_behind:: secure:: delivery:: clouds::sensors)
cargo test --locked --no-fail-fast "$@" --lib --test it --quiet -- "${names[@]}" --skip long:: --test-threads=4
