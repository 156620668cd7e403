#!/bin/sh
# Prolog=/etc/slurm/runwatch/prolog.sh: the daemon of this node watches the output of each job that starts here.
. "$(dirname "$0")/common.sh"
change add >/dev/null 2>&1
exit 0
