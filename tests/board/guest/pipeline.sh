# vimc, whose nodes give frames where a media controller has set up their pipeline: by itself, then
# beside a camera, then set up.
set -e
log=/tmp/log
. ./wingmark.sh
. ./camera.sh

pipeline_plug
said=0
/tmp/wingmark run --source /dev/video2 --screen none --frames 1 >/tmp/out 2>&1 || said=$?
echo "REFUSED $said, $(wc -l </tmp/out) line: $(cat /tmp/out)"
/tmp/wingmark doctor >/tmp/doctor 2>&1 || true
grep "^camera.*/dev/video2" /tmp/doctor | sed 's/^/DOCTOR /'

camera_beside 3
wingmark_start --screen none --frames 3 --record $log.jsonl
wait $wingmark
grep -q "/dev/video2 is tried last: a media controller would have to set it up" /tmp/messages
grep "camera vivid" /tmp/messages | sed 's/.*; camera/TAKEN camera/; s/;.*//'

pipeline_set_up 160 120
rm -f $log*
wingmark_start --source /dev/video2 --screen none --frames 3 --record $log-pipeline.jsonl
wait $wingmark
echo "SET-UP $(logged) frames, $(head -1 $log-pipeline.jsonl | grep -o '"width":[0-9]*,"height":[0-9]*')"
