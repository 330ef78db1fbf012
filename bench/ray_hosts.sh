#!/usr/bin/env bash
# A Ray cluster of three hosts on this machine: network namespaces on one bridge, each with its own address, name and /tmp/ray.
# As root (namespaces), with iproute2, openssl and the extra ray. The hosts share the other folders, as those of a cluster must.
# Usage: bench/ray_hosts.sh [OPTION…]     options of bopask generate, as --tasks pose,depth; always of the embedded sample
# Makes the same questions in one local process and by the cluster; tells which host made which share of the units, and whether the
# files are the same (exit code 0) or differ (1).
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "bench/ray_hosts.sh needs root: it makes network namespaces" >&2; exit 2; }
net=10.77.0 bridge=bopask-br hosts=3
state=$(mktemp -d -t ray-hosts-XXXXXX)
# The hosts know each other by a token that is made for this cluster, and gone with it.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=$(openssl rand -hex 32) RAY_USAGE_STATS_ENABLED=0

on() { # HOST COMMAND…: in the host's namespaces
    mkdir -p "$state/host$1" /tmp/ray
    ip netns exec "bopask$1" unshare --mount --uts sh -c 'hostname "$0"; mount --bind "$1" /tmp/ray; shift; exec "$@"' \
        "host$1" "$state/host$1" "${@:2}"
}
clear_hosts() { # what this run made, or one that was killed left
    for ((i = 1; i <= hosts; i++)); do
        { ip netns pids "bopask$i" | xargs -r kill -9; ip netns del "bopask$i"; ip link del "bopask-v$i"; } 2>/dev/null || true
    done
    ip link del "$bridge" 2>/dev/null || true
}
clear_hosts
trap 'clear_hosts; rm -rf "$state"' EXIT

ip link add "$bridge" up type bridge
for ((i = 1; i <= hosts; i++)); do
    ip netns add "bopask$i"
    ip link add "bopask-v$i" up master "$bridge" type veth peer name eth0 netns "bopask$i"
    ip -n "bopask$i" address add "$net.$i/24" dev eth0
    ip -n "bopask$i" link set eth0 up
    ip -n "bopask$i" link set lo up
    where=(--address="$net.1:6379")
    [ "$i" = 1 ] && where=(--head --port=6379 --include-dashboard=false)
    on "$i" ray start "${where[@]}" --node-ip-address="$net.$i" --num-cpus=1 --object-store-memory=100000000 >"$state/log" 2>&1 ||
        { cat "$state/log" >&2; exit 2; }
done

make() { on 1 bopask generate src/bopask/data/sample --split train --out "$state/$1" "${@:2}" >/dev/null; }
make local --workers 1 "$@"
make ray --workers "$hosts" --executor "ray:$net.1:6379" "$@"
scenes=$(ls "$state/ray/data" | wc -l)
on 1 python - "$net.1:6379" "$scenes" <<'PYTHON'
import sys, ray
from collections import Counter
ray.init(sys.argv[1], log_to_driver=False, logging_level="error")
names = {node["NodeManagerAddress"]: node["NodeManagerHostname"] for node in ray.nodes()}
tasks = sorted((e["ts"], e["pid"]) for e in ray.timeline() if e["name"].endswith(".call"))
scenes = tasks[-int(sys.argv[2]):]  # scenes are read, then objects grasped, and last of all scenes made
for what, done in (("tasks", tasks), ("scenes made", scenes)):
    print(f"{what}:", ", ".join(f"{names[of]} ({of}) {n}" for of, n in sorted(Counter(of for _, of in done).items())))
PYTHON
on 1 bopask diff "$state/local" "$state/ray"
diff -r "$state/local" "$state/ray" && echo "$(find "$state/ray" -type f | wc -l) files, byte for byte the same"
