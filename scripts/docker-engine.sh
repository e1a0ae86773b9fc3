#!/usr/bin/env bash
# Runs a command with a Docker engine: the one that answers, or else one of its own for as long as the command runs,
# which needs root or password-less sudo. Its images stay in the cache; it has no bridge and touches no firewall, so its
# containers have this machine's network or none. Usage: docker-engine.sh COMMAND...
set -euo pipefail
cd "$(dirname "$0")/.."

answers() { timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }

if command -v docker >/dev/null && version=$(answers); then
    echo "    Docker's engine $version answers"
    exec "$@"
fi
if [ "$(id -u)" = 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    echo "error: no Docker engine answers, and one can be started as root or with password-less sudo only; start yours" >&2
    echo "  (sudo systemctl start docker), see that you may use it (docker version), and run this again" >&2
    exit 1
fi
# Where only root has it on the path.
PATH="$PATH:/usr/sbin:/sbin"
if ! command -v docker >/dev/null || ! command -v dockerd >/dev/null; then
    scripts/packages.sh docker.io
fi

cache="${XDG_CACHE_HOME:-$HOME/.cache}/forebay/docker"
run=$(mktemp -d)
chmod 755 "$run"
log="$run/dockerd.log"
export DOCKER_HOST="unix://$run/docker.sock"
# Ctrl-C is not for it; where this script is killed it ends, too.
setsid "${as_root[@]}" setpriv --pdeathsig TERM dockerd --host "$DOCKER_HOST" --group "$(id -g)" --data-root "$cache" --exec-root "$run/exec" \
    --pidfile "$run/dockerd.pid" --iptables=false --ip6tables=false --ip-forward=false --bridge=none >"$log" 2>&1 &
started=$!

stop() {
    # All its containers are this run's.
    docker ps --all --quiet 2>/dev/null | xargs -r docker rm --force --volumes >/dev/null 2>&1 || true
    "${as_root[@]}" kill "$started" 2>/dev/null || true
    wait "$started" 2>/dev/null || true
    # The engine leaves its hold on this machine's network.
    "${as_root[@]}" umount "$run/exec/netns/default" 2>/dev/null || true
    "${as_root[@]}" rm -rf "$run" || echo "    $run is left" >&2
    [ -z "${version:-}" ] || echo "    stopped the engine"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for _ in $(seq 1 150); do
    if version=$(answers); then
        echo "    started Docker's engine $version for this run; its images are in $cache"
        status=0
        "$@" || status=$?
        exit "$status"
    fi
    kill -0 "$started" 2>/dev/null || break
    sleep 0.2
done
echo "error: Docker's engine did not start; the end of its log:" >&2
tail -n 15 "$log" >&2
exit 1
