# The Debian package, set up by what the documents say, and what happens to it in weeks. Leaves its
# logs in /share/found.
set -e
. ./camera.sh
. ./unit.sh
# lost CAUSE: how many records.
lost() { sed -n "s/^wingmark_records_lost_total{.*cause=\"$1\"} //p" $figures; }
has_lost() { [ "$(lost $1)" -gt 0 ]; }

# As udev would.
camera_for_group() { chgrp video /dev/video0; chmod 660 /dev/video0; }

step install
package -i first.deb
mkdir found
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
eventually 20 as_user nobody "grep -q ^wingmark_build_info $figures"
refused as_user nobody "ls $logs/"
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
is_new() { [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != "$pid" ]; }
eventually 30 is_new
eventually 10 grows

step twenty restarts
for restart in $(seq 20); do systemctl restart wingmark; echo "RESTART $restart"; done
[ $(property ActiveState) = active ]
eventually 10 grows
stop_within_a_second
cp $logs/faces*.csv found/
package -r wingmark
[ ! -e /usr/lib/systemd/system/wingmark.service ]
[ -s $logs/faces.csv ]
step done
