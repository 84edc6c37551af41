# The wall clock jumps to 2038 and back while frames are recorded.
set -e
log=/tmp/faces
. ./wingmark.sh
date -s @1800000000 >/dev/null
wingmark_start --source pictures --screen none --record $log.csv --record $log.jsonl --record $log.mcap --rotate-every 3s
frames_flow
for second in 2147483640 60 1800000100; do
    date -s @$second >/dev/null
    frames_flow
    sleep 2
done
wingmark_stop 1
cp $log* .
