#!/usr/bin/env bash
# The Azure CLI in a test: `az account get-access-token`, as the test process answers it.
scope= tenant=
[ "$1 $2" = "account get-access-token" ] || {
    echo "ERROR: '$*' is not a command of this az" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case "$1" in
        --scope) scope=$2 && shift ;;
        --resource) scope=$2/.default && shift ;;
        --tenant) tenant=$2 && shift ;;
    esac
    shift
done
exec 3<>/dev/tcp/127.0.0.1/PORT || exit 1
printf 'GET /token?scope=%s&tenant=%s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$scope" "$tenant" >&3
read -r _ status _ <&3
while read -r line <&3 && [ "${line%$'\r'}" ]; do :; done
if [ "$status" = 200 ]; then
    cat <&3
else
    cat <&3 >&2
    exit 1
fi
