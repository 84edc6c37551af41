# The shipped unit under systemd: start, reload, a hang, stop.
set -e
. ./camera.sh
. ./unit.sh
camera_pattern
# As udev would.
chgrp video /dev/video0
chmod 660 /dev/video0
cp wingmark /usr/local/bin/
cp wingmark.service /etc/systemd/system/
systemctl daemon-reload

# It returns when wingmark has said that it is ready.
systemctl start wingmark
[ $(property ActiveState) = active ]
pid=$(property MainPID)
echo "USER $(stat -c %u /proc/$pid) GROUPS $(sed -n 's/^Groups:[[:space:]]*//p' /proc/$pid/status)"
[ $(stat -c %u /proc/$pid) -ge 61184 ]
eventually 10 grows
# As node_exporter does, whose user is in no group of ours; the logs are not for it.
eventually 15 as_user nobody "grep -q ^wingmark_frames_total $figures"
refused as_user nobody "ls $logs/"

systemctl reload wingmark
eventually 10 sh -c "ls $logs/faces-000001-*.csv"

echo "HANG $(cut -d' ' -f1 /proc/uptime)"
kill -STOP $pid
eventually 60 sh -c '[ "$(systemctl show -P NRestarts wingmark)" = 1 ] && [ "$(systemctl show -P ActiveState wingmark)" = active ]'
echo "BACK $(cut -d' ' -f1 /proc/uptime)"
[ $(property MainPID) != $pid ]
eventually 10 grows

stop_within_a_second
systemd-analyze security --no-pager wingmark | tail -1
