# What vivid can be: formats.sh FOURCC:KIND.. A camera that shows /share/FOURCC in each, of the
# single-planar kind (1) or the multi-planar one (2); then two cameras of one make.
set -e
log=/tmp/log
. ./wingmark.sh
. ./camera.sh

shows=
for format; do
    fourcc=${format%:*}
    kind=${format#*:}
    [ -z "$shows" ] || kill $camera_feeder
    if [ "$kind" != "$shows" ]; then
        [ -z "$shows" ] || { wait $camera_feeder || true; modprobe -r vivid; }
        camera_plug $kind
    fi
    shows=$kind
    camera_shows $fourcc $fourcc
    rm -f $log*
    wingmark_start --source /dev/video0 --camera-format $fourcc --camera-size 640x480 --screen none --record $log.jsonl
    within 120 has_logged 2
    wingmark_stop 0
    cp $log.jsonl $fourcc-$kind.jsonl
    v4l2-ctl -d0 --get-fmt-video | grep -E "Format Video|Pixel Format"
done
kill $camera_feeder
wait $camera_feeder || true
modprobe -r vivid

cameras_equal
rm -f $log* /tmp/messages
wingmark_start --source /dev/video0 --camera-size 320x180 --camera-rate 2 --screen none --record $log.jsonl
frames_flow
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
within 20 has_said ' gone: '
before=$(logged)
sleep 8
[ $(logged) = $before ] && echo "EQUAL no row of the other one"
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
frames_flow
wingmark_stop 0
