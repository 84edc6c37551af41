# A camera that shows /share/picture (YUYV) does all that cameras do: camera_faults.sh CYCLES
# After each fault frames flow again; the console has what wingmark holds then.
set -e
log=/tmp/log
. ./wingmark.sh
. ./camera.sh

faces() { cat $log.jsonl 2>/dev/null | grep -c '"points"' || true; }
has_faces() { [ $(faces) -ge $1 ]; }
said() { grep -c "$1" /tmp/messages || true; }
has_said_more() { [ $(said "$1") -gt $2 ]; }
control() { v4l2-ctl -d0 -c $1; }
# fault NAME COMMAND..: landmarks flow again after it.
fault() {
    name=$1
    shift
    "$@"
    within 120 has_faces $(($(faces) + 2))
    echo "FAULT $name: landmarks flow; $(open_files) files, $(resident_kb) kB"
}
stall() {
    control percentage_of_dropped_buffers=100
    within 60 has_said 'stalled'
    control percentage_of_dropped_buffers=0
}
# The error is for who queues a buffer next, which must not be the feeder.
not_taken_back() {
    gone=$(said ' gone: ')
    kill -STOP $camera_feeder
    control inject_vidioc_qbuf_error=1
    within 60 has_said_more ' gone: ' $gone
    kill -CONT $camera_feeder
}
# It ends the feeder's stream too.
fatal_error() {
    gone=$(said ' gone: ')
    control inject_fatal_streaming_error=1
    within 60 has_said_more ' gone: ' $gone
    wait $camera_feeder || true
    camera_feed picture
}
# The error is for who starts to stream next, which must not be the feeder.
fails_to_start() {
    gone=$(said ' gone: ')
    control $1=1
    control inject_fatal_streaming_error=1
    within 60 has_said_more ' gone: ' $gone
    wait $camera_feeder || true
    sleep 1
    camera_feed picture
}
# unplug, plug: the driver lets go of the camera, and takes it again.
unplug() {
    gone=$(said ' gone: ')
    echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
    within 60 has_said_more ' gone: ' $gone
}
plug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; }

camera_plug
camera_shows YUYV picture
wingmark_start --source /dev/video0 --camera-format YUYV --camera-size 640x480 --screen none \
    --record $log.jsonl --metrics /tmp/wingmark.prom
fault none true
fault "damaged frame" control inject_v4l2_buf_flag_error=1
fault "buffer not taken back" not_taken_back
fault "frames lost" control percentage_of_dropped_buffers=60
control percentage_of_dropped_buffers=0
fault "stall" stall
fault "fatal error" fatal_error
fault "no start" fails_to_start inject_vidioc_streamon_error
fault "no buffers" fails_to_start inject_vidioc_reqbufs_error

gone=$(said ' gone: ')
control disconnect=1
within 60 has_said_more ' gone: ' $gone
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
plug
frames_flow
echo "FAULT disconnect: frames flow; $(open_files) files, $(resident_kb) kB"

wingmark_stop 0
mv $log.jsonl faults.jsonl
# A slow camera: what counts here is how often it is unplugged, and each of its frames takes long to
# emulate.
wingmark_start --source /dev/video0 --camera-format YUYV --camera-size 640x480 --camera-rate 5 --screen none \
    --record $log.jsonl --metrics /tmp/wingmark.prom
frames_flow
cycle=1
while [ $cycle -le $1 ]; do
    unplug
    back=$(said 'frames come again')
    plug
    # Not by what is logged: a frame from before may still be on its way there.
    within 60 has_said_more 'frames come again' $back
    echo "CYCLE $cycle: $(open_files) files, $(resident_kb) kB"
    cycle=$((cycle + 1))
done

unplug
wingmark_stop 0
cp $log.jsonl /tmp/wingmark.prom /tmp/messages .
