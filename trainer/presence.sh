#!/bin/sh
# Fits how models know a face: presence.csv in each folder named.
#
#     trainer/presence.sh DATA FACELESS models/nano models/small models/base
#
# DATA holds the data sets by the names below; those that are not there are left out. With sets of
# your own, ask the trainer itself: `wingmark-trainer presence --help`. FACELESS is a folder that
# tests/accuracy/no_faces.py made, of other pictures than those that false alarms are counted on.
# FACES=N looks at N faces and pictures (3000). RAISE="X Y Z" raises the bias of each model after
# the fit. The shipped ones were chosen by held-out faces that the whole program misses and by
# faceless pictures (docs/decisions/presence.md): 2.2 for nano, 1.9 for small, 3.5 for base.
set -eu
[ $# -ge 3 ] || { echo "expected: trainer/presence.sh DATA FACELESS MODEL.." >&2; exit 2; }
data=$1 faceless=$2
shift 2
[ -d "$data" ] || { echo "there is no folder $data" >&2; exit 2; }
for model; do
    shift
    set -- "$@" --model "$model"
done
for raise in ${RAISE:-}; do
    set -- "$@" --raise-bias="$raise"
done
faces='300w infanface aflw2000 fgnet wflw' any=
for name in $faces; do
    if [ -d "$data/$name" ]; then any=yes; set -- "$@" --data "$data/$name"; fi
done
if [ -z "$any" ]; then
    echo "$data has none of the sets $faces; with one of your own:" \
        "wingmark-trainer presence --model MODEL --data SET --scenes $faceless" >&2
    exit 2
fi
# What is named twice is searched twice as often.
for name in wider_scenes wider_scenes 300w unlabelled aflw2000 masked fgnet wflw infanface; do
    if [ -d "$data/$name" ]; then set -- "$@" --scenes "$data/$name"; fi
done
exec "${TRAINER:-target/debug/wingmark-trainer}" presence "$@" --scenes "$faceless" --scenes "$faceless" --faces "${FACES:-3000}"
