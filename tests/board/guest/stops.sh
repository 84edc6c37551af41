# SIGTERM in every state, with a camera that shows /share/picture, the display and a log: each time
# the end comes within a second.
set -e
log=/tmp/log
. ./wingmark.sh
. ./camera.sh

starts() {
    rm -f /tmp/messages $log*
    wingmark_start --source /dev/video0 --camera-format YUYV --camera-size 640x480 --screen drm --record ${1:-$log.jsonl}
    # From here on it is wingmark that decides what SIGTERM does: the signal's bit (15th) is among
    # those that it catches.
    within 10 grep -q 'SigCgt:.*[4-7c-f]...$' /proc/$wingmark/status
}
# stops STATE: SIGTERM, which has to end it with status 0.
stops() {
    echo "STATE $1"
    wingmark_stop 0
}
control() { v4l2-ctl -d0 -c $1; }
driver() { echo vivid.0 >/sys/bus/platform/drivers/vivid/$1; }

modprobe virtio-gpu
camera_plug
camera_shows YUYV picture
for delay in 0 1 2 3; do
    starts
    sleep 0.$delay
    stops "starting, after 0.$delay s"
done

starts
frames_flow
stops running

starts
frames_flow
control percentage_of_dropped_buffers=100
within 60 has_said stalled
stops stalled
control percentage_of_dropped_buffers=0

mkdir /tmp/small
mount -t tmpfs -o size=64k small /tmp/small
starts /tmp/small/log.jsonl
within 60 has_said 'lost'
stops "disk full"

starts
frames_flow
driver unbind
within 60 has_said ' gone: '
stops "camera gone"
