#!/bin/sh
# Install runwatch from a wheelhouse on the hosts of a list, a few at a time:
#   make wheelhouse && sh deploy/install.sh build/wheelhouse < hosts.txt
# Each host needs python3 with venv; nothing is downloaded there.
set -eu
wheelhouse=${1:?usage: install.sh WHEELHOUSE < hosts}
place=${RUNWATCH_PLACE:-/opt/runwatch}
jobs=${RUNWATCH_JOBS:-16}
ssh=${RUNWATCH_SSH:-ssh -o BatchMode=yes}
export wheelhouse place ssh
xargs -P "$jobs" -I HOST sh -c '
    tar -C "$wheelhouse" -cf - . | $ssh -- "HOST" "
        set -e
        work=\$(mktemp -d)
        trap \"rm -rf \$work\" EXIT
        tar -C \$work -xf -
        python3 -m venv $place
        $place/bin/python -m pip install --quiet --no-index --find-links \$work --upgrade runwatch
        $place/bin/runwatch --version
    " 2>&1 | sed "s/^/HOST: /"
'
