# The Debian package, set up by what the documents say, and what happens to it in weeks. Leaves in
# /share/found the logs, the journal, and what the receivers got.
set -e
. ./camera.sh
. ./unit.sh
step() { echo "STEP $* at $(cut -d' ' -f1 /proc/uptime) s"; }
as_other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
# lost CAUSE: how many records.
lost() { sed -n "s/^wingmark_records_lost_total{.*cause=\"$1\"} //p" $figures; }
has_lost() { [ "$(lost $1)" -gt 0 ]; }

# In an unpacked root nothing is known to be installed.
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers found
touch /var/lib/dpkg/status /var/lib/dpkg/available
# The shell's own dpkg would come first.
package() { /usr/bin/dpkg --force-depends --force-bad-path "$@" 2>&1; }
# As udev would.
camera_for_group() { chgrp video /dev/video0; chmod 660 /dev/video0; }

step install
package -i first.deb
drop_ins=/usr/share/doc/wingmark/examples/drop-ins
camera_pattern
camera_for_group
[ "$(systemctl is-enabled wingmark || true)" = disabled ]
cat >/etc/wingmark.toml <<END
source = "/dev/video0"
camera-size = "320x180"
camera-rate = 2
model = "nano"
faces = 1
END
wingmark doctor --for service || echo "doctor: $?"
# A small medium, to be filled.
mkdir -p -m 700 /var/lib/private
mkdir -p /var/lib/private/wingmark
mount -t tmpfs -o size=3M small /var/lib/private/wingmark
systemctl enable --now wingmark
[ $(property ActiveState) = active ]
eventually 10 grows
eventually 20 as_other grep -q '^wingmark_build_info' $figures
refused as_other ls $logs/
systemd-analyze security --no-pager wingmark | tail -1

step camera gone and back
pid=$(property MainPID)
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
eventually 20 said ' gone: '
sleep 6
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
until [ -e /dev/video0 ]; do sleep 0.1; done
camera_for_group
eventually 20 grows
[ $(property MainPID) = $pid ] && [ $(property NRestarts) = 0 ]

step disk full
dd if=/dev/zero of=/var/lib/private/wingmark/filler bs=1k 2>/dev/null || true
eventually 60 has_lost disk_full
[ $(property MainPID) = $pid ]
rm /var/lib/private/wingmark/filler
eventually 30 grows
echo "LOST $(lost disk_full)"

step reload
sed -i 's/nano/small/' /etc/wingmark.toml
systemctl reload wingmark
eventually 10 grep -q '""model"":""small""' $logs/faces.csv
echo 'modle = "base"' >>/etc/wingmark.toml
refused systemctl reload wingmark
eventually 5 said 'not reloaded'
sed -i '$d' /etc/wingmark.toml
sed -i 's/small/nano/' /etc/wingmark.toml
systemctl reload wingmark
eventually 10 grows
[ $(property MainPID) = $pid ]

step update
package -i second.deb
[ "$(dpkg-query -W -f '${Version}' wingmark)" = "$(cat second.version)" ]
[ $(property ActiveState) = active ] && [ $(property MainPID) != $pid ]
eventually 10 grows

step twenty restarts
for restart in $(seq 20); do systemctl restart wingmark; done
[ $(property ActiveState) = active ]
eventually 10 grows
stop_within_a_second
cp $logs/faces*.csv found/
umount /var/lib/private/wingmark

step a CSI camera, a broker, UDP and the page
cat >/usr/local/bin/rpicam-vid <<'END'
#!/bin/sh
while cat /usr/local/share/face.jpg; do sleep 1; done
END
chmod 755 /usr/local/bin/rpicam-vid
cp face.jpg /usr/local/share/
# As useradd and mosquitto's package would.
echo 'wingmark:x:900:900::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'wingmark:x:900:' >>/etc/group
echo 'mosquitto:x:110:110::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'mosquitto:x:110:' >>/etc/group
mosquitto_passwd -b -c /etc/mosquitto/passwd board hush-hush-4711
mkdir -p /var/lib/mosquitto
chown mosquitto /etc/mosquitto/passwd /var/lib/mosquitto
cat >/etc/mosquitto/conf.d/board.conf <<END
listener 1883 127.0.0.1
password_file /etc/mosquitto/passwd
END
systemctl start mosquitto
mkdir -m 700 /etc/wingmark
echo hush-hush-4711 >/etc/wingmark/broker
for drop_in in csi network readers broker; do
    install -D -m 644 $drop_ins/$drop_in.conf /etc/systemd/system/wingmark.service.d/$drop_in.conf
done
cat >/etc/wingmark.toml <<END
model = "nano"
faces = 1
publish = ["mqtt://board@127.0.0.1/hall/desk-01", "udp://127.0.0.1:9001", "opentrack://127.0.0.1", "openseeface://127.0.0.1"]
publish-password-file = "/run/credentials/wingmark.service/broker"
serve = "8080"
END
# Readable for root and the group alone: it may hold a camera's password.
chown root:wingmark /etc/wingmark.toml
chmod 640 /etc/wingmark.toml
for receiver in 4242:opentrack 11573:openseeface 9001:udp; do
    socat -u UDP-RECV:${receiver%:*},bind=127.0.0.1 CREATE:/tmp/${receiver#*:} &
done
listen() { mosquitto_sub -h 127.0.0.1 -u board -P hush-hush-4711 -t 'hall/#' -F '%r %t %p' >>/tmp/heard & }
listen
systemctl daemon-reload
systemctl start wingmark
heard() { grep -q "$1" /tmp/heard; }
eventually 20 heard 'hall/desk-01/available online'
eventually 20 heard 'hall/desk-01/state .*"faces":1'
for path in '' healthz metrics; do wget -q -O /tmp/page-$path http://127.0.0.1:8080/$path; done
timeout 6 wget -q -O /tmp/page-events http://127.0.0.1:8080/events || true
eventually 20 sh -c '[ -s /tmp/opentrack ] && [ -s /tmp/openseeface ] && [ -s /tmp/udp ]'
refused as_other ls $logs/
refused as_other ls /run/wingmark/
as_reader() { setpriv --reuid 65534 --regid wingmark --clear-groups "$@"; }
as_reader grep -q '^wingmark_frames_total' $figures
as_reader grep -q timestamp $logs/faces.csv
systemd-analyze security --no-pager wingmark | tail -1

step broker gone and back
pid=$(property MainPID)
systemctl stop mosquitto
eventually 10 grows
eventually 30 said 'cannot publish'
systemctl start mosquitto
mv /tmp/heard /tmp/heard-before
listen
eventually 60 heard 'hall/desk-01/available online'
eventually 10 heard 'hall/desk-01/state .*"faces":1'
[ $(property MainPID) = $pid ] && [ $(property NRestarts) = 0 ]

step secrets
journalctl -u wingmark -o cat --no-pager >found/journal
for file in /proc/$pid/cmdline $figures found/journal $logs/faces.csv /tmp/page-healthz /tmp/page-metrics; do
    refused grep -q hush-hush $file
done
listening=$(sed -n 's/^ *[0-9]*: \([0-9A-F:]*\) [0-9A-F:]* 0A .*/\1/p' /proc/net/tcp | sort | tr '\n' ' ')
echo "LISTENING $listening"

step stop and remove
stop_within_a_second
eventually 10 heard 'hall/desk-01/available offline'
package -r wingmark
[ ! -e /usr/lib/systemd/system/wingmark.service ]
[ -s $logs/faces.csv ]
cp /tmp/opentrack /tmp/openseeface /tmp/udp /tmp/page-* /tmp/heard /tmp/heard-before found/
cp $logs/faces.csv found/csi.csv
step done
