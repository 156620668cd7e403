# Sourced by prolog.sh and epilog.sh. A prolog that fails drains its node: whatever happens here, they exit with 0.
runwatch=${RUNWATCH:-/opt/runwatch/bin/runwatch}
export RUNWATCH_STATE="${RUNWATCH_STATE:-/var/lib/runwatch}"

# Print the paths of a job's output, as the scheduler knows them.
outputs() {
    timeout 10 scontrol show job -o "$1" | tr ' ' '\n' |
        sed -n -e 's/^StdOut=//p' -e 's/^StdErr=//p' | sort -u | grep '^/' | grep -v '^/dev/'
}

# Have the daemon of this node add or drop the output of a job; only its first node does.
change() {
    [ -n "${SLURM_JOB_ID:-}" ] || return 0
    [ "${SLURM_NODEID:-0}" = 0 ] || return 0
    outputs "$SLURM_JOB_ID" | while IFS= read -r path; do
        timeout 10 "$runwatch" "$1" "$path" || true
    done
}
