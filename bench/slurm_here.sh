#!/usr/bin/env bash
# A real Slurm of one node on this machine, for the time of one command: as root, on Debian with
#   apt-get install slurmctld slurmd slurm-client munge
# Usage: bench/slurm_here.sh COMMAND…
# Its state lies in a temporary folder; the daemons end with the command. What Slurm says of the tasks is told at the end.
set -euo pipefail
state=$(mktemp -d -t slurm-XXXXXX)
chmod 755 "$state"
export SLURM_CONF=$state/slurm.conf
node=$(hostname -s)
cat >"$SLURM_CONF" <<EOF
ClusterName=here
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/slurmd
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobCompType=jobcomp/filetxt
JobCompLoc=$state/completed
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=2000
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
EOF
started=()
begin() { "$@" >>"$state/daemons.log" 2>&1 & started+=($!); }
stop() {
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do kill "${started[i]}" 2>/dev/null && wait "${started[i]}" || true; done
    rm -rf "$state"
}
trap stop EXIT
mkdir -p "$state/ctld" "$state/slurmd" /run/munge
chown munge /run/munge
pgrep -x munged >/dev/null || begin setpriv --reuid=munge --regid=munge --clear-groups munged --foreground
begin slurmctld -D
begin slurmd -D
until [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; do sleep 0.5; done
sinfo --version
code=0
"$@" || code=$?
cut -d' ' -f1-2,4-5,9-11 "$state/completed" 2>/dev/null || true
exit $code
