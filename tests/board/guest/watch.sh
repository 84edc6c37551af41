# Watches a camera that shows /share/picture, with the display and two logs: watch.sh FOURCC FRAMES
# Says SHOW when so many frames are logged; ends when /share/stop appears. Leaves log.csv and
# log.jsonl in the share.
set -e
log=/tmp/log
. ./wingmark.sh
. ./camera.sh
if [ $1 = MJPG ]; then loopback_shows picture; else camera_plug; camera_shows $1 picture; fi
modprobe virtio-gpu
until [ -e /dev/dri/card0 ]; do sleep 0.1; done

wingmark_start --source /dev/video0 --camera-format $1 --camera-size 640x480 --screen drm \
    --record $log.csv --record $log.jsonl
within 120 has_logged $2
echo "SHOW"
until [ -e stop ]; do sleep 0.1; done
wingmark_stop 0
cp $log.csv $log.jsonl .
