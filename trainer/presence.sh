#!/bin/sh
# Fits how models know a face: presence.csv in each folder named.
#
#     trainer/presence.sh DATA FACELESS models/nano models/small models/base
#
# DATA holds the data sets by name; those that are not there are left out. FACELESS is a folder that
# tests/accuracy/no_faces.py made, of other pictures than those that false alarms are counted on.
# FACES=N looks at N faces and pictures (3000). RAISE="X Y Z" raises the bias of each model after
# the fit. The shipped ones were chosen by held-out faces that the whole program misses and by
# faceless pictures (docs/decisions/presence.md): 2.2 for nano, 1.9 for small, 3.5 for base.
set -eu
[ $# -ge 3 ] || { echo "expected: trainer/presence.sh DATA FACELESS MODEL.." >&2; exit 2; }
data=$1 faceless=$2
shift 2
for model; do
    shift
    set -- "$@" --model "$model"
done
for raise in ${RAISE:-}; do
    set -- "$@" --raise-bias="$raise"
done
for name in 300w infanface aflw2000 fgnet wflw; do
    if [ -d "$data/$name" ]; then set -- "$@" --data "$data/$name"; fi
done
# What is named twice is searched twice as often.
for name in wider_scenes wider_scenes 300w unlabelled aflw2000 masked fgnet wflw infanface; do
    if [ -d "$data/$name" ]; then set -- "$@" --scenes "$data/$name"; fi
done
exec "${TRAINER:-target/debug/wingmark-trainer}" presence "$@" --scenes "$faceless" --scenes "$faceless" --faces "${FACES:-3000}"
