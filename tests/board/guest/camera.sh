# Cameras of the board. Sourced by jobs.

# camera_plug [PLANES]: a vivid with one camera (/dev/video0, HDMI) and the display it is wired to
# (/dev/video1). Both have single-planar formats (1) or multi-planar ones (2).
camera_plug() {
    modprobe vivid n_devs=1 node_types=0x101 num_inputs=2 input_types=0xc num_outputs=1 output_types=1 multiplanar=${1:-1}
    until [ -e /dev/video1 ]; do sleep 0.1; done
    v4l2-ctl -d0 -i 1 -c osd_text_mode=2,loop_video=1
}

# camera_pattern: a vivid that is a webcam with a test pattern (/dev/video0).
camera_pattern() { camera_beside 0; }

# cameras_equal: two vivids of one make (/dev/video0, /dev/video1), as camera_pattern.
cameras_equal() {
    modprobe vivid n_devs=2 node_types=1,1 num_inputs=1,1 input_types=0,0
    until [ -e /dev/video1 ]; do sleep 0.1; done
}

# pipeline_plug: a vimc, whose nodes /dev/video0 to 2 are those of a media controller. What the last
# one reads goes through a converter of colours and a scaler, which nobody has set up.
pipeline_plug() {
    modprobe vimc
    until [ -e /dev/video2 ]; do sleep 0.1; done
}

# camera_beside NUMBER: as camera_pattern, where other nodes come before it.
camera_beside() {
    modprobe vivid n_devs=1 node_types=1 num_inputs=1 input_types=0
    until [ -e /dev/video$1 ]; do sleep 0.1; done
}

# pipeline_set_up WIDTH HEIGHT: has vimc's /dev/video2 give frames of that size. /dev/video0, on the
# same sensor, has to fit it, too.
pipeline_set_up() {
    for pad in '"Sensor A":0[fmt:SRGGB8_1X8' '"Debayer A":0[fmt:SRGGB8_1X8' '"Debayer A":1[fmt:RGB888_1X24' \
        '"Scaler":0[fmt:RGB888_1X24' '"Scaler":1[fmt:RGB888_1X24'; do
        media-ctl -d /dev/media0 -V "$pad/$1x$2]"
    done
    v4l2-ctl -d0 --set-fmt-video=width=$1,height=$2,pixelformat=RGGB
    v4l2-ctl -d2 --set-fmt-video=width=$1,height=$2,pixelformat=RGB3
}

# camera_shows FOURCC FILE: 640x480 pictures of FILE, over and over, 60 a second.
camera_shows() {
    v4l2-ctl -d1 --set-output=0 --set-dv-bt-timings=index=0 --set-fmt-video-out=width=640,height=480,pixelformat=$1
    v4l2-ctl -d0 --set-dv-bt-timings=index=0 --set-fmt-video=width=640,height=480,pixelformat=$1
    camera_feed $2
}

# camera_feed FILE: shows pictures in the format that is set.
camera_feed() {
    v4l2-ctl -d1 --stream-out-mmap=4 --stream-from=$1 --stream-loop >/dev/null 2>&1 &
    camera_feeder=$!
}

# loopback_shows FILE: the other kind of camera, v4l2loopback on /dev/video0, shows a JPEG picture
# ten times a second.
loopback_shows() {
    modprobe v4l2loopback video_nr=0 card_label=loopback exclusive_caps=0 max_buffers=4
    until [ -e /dev/video0 ]; do sleep 0.1; done
    # Before the format, which is forgotten otherwise when v4l2-ctl closes the device.
    v4l2-ctl -d0 -c keep_format=1
    v4l2-ctl -d0 --set-fmt-video-out=width=640,height=480,pixelformat=MJPG
    cp $1 /tmp/picture
    while dd if=/tmp/picture bs=1M 2>/dev/null; do sleep 0.1; done >/dev/video0 &
    camera_feeder=$!
    until v4l2-ctl -d0 --list-formats | grep -q MJPG; do sleep 0.1; done
}
