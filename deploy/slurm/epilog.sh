#!/bin/sh
# Epilog=/etc/slurm/runwatch/epilog.sh: the output of a job that ended is watched no longer, a while after its end.
. "$(dirname "$0")/common.sh"
if [ "${RUNWATCH_LINGER:-600}" = 0 ]; then
    change drop >/dev/null 2>&1
else
    (sleep "${RUNWATCH_LINGER:-600}"; change drop) >/dev/null 2>&1 </dev/null &
fi
exit 0
