# The shipped unit under systemd: start, reload, a hang, stop.
set -e
. ./camera.sh
camera_pattern
# As udev would.
chgrp video /dev/video0
chmod 660 /dev/video0
cp wingmark /usr/local/bin/
cp wingmark.service /etc/systemd/system/
systemctl daemon-reload
logs=/var/lib/wingmark

property() { systemctl show -P $1 wingmark; }
# eventually SECONDS COMMAND: repeats it until it succeeds.
eventually() {
    tries=$1
    shift
    until "$@"; do
        [ $tries -gt 0 ] || { echo "too late: $*"; systemctl status wingmark; return 1; }
        tries=$((tries - 1))
        sleep 1
    done
}
grows() {
    before=$(wc -l <$logs/faces.csv)
    sleep 3
    [ $(wc -l <$logs/faces.csv) -gt $before ]
}

# It returns when wingmark has said that it is ready.
systemctl start wingmark
[ $(property ActiveState) = active ]
pid=$(property MainPID)
echo "USER $(stat -c %u /proc/$pid) GROUPS $(sed -n 's/^Groups:[[:space:]]*//p' /proc/$pid/status)"
[ $(stat -c %u /proc/$pid) -ge 61184 ]
eventually 10 grows
# As node_exporter does, whose user is in no group of ours; the logs are not for it.
as_other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
eventually 15 as_other grep -q '^wingmark_frames_total' /run/wingmark/wingmark.prom
! as_other ls $logs/ 2>/dev/null

systemctl reload wingmark
eventually 10 sh -c "ls $logs/faces-000001-*.csv"

echo "HANG $(cut -d' ' -f1 /proc/uptime)"
kill -STOP $pid
eventually 60 sh -c '[ "$(systemctl show -P NRestarts wingmark)" = 1 ] && [ "$(systemctl show -P ActiveState wingmark)" = active ]'
echo "BACK $(cut -d' ' -f1 /proc/uptime)"
[ $(property MainPID) != $pid ]
eventually 10 grows

before=$(cut -d' ' -f1 /proc/uptime | tr -d .)
systemctl stop wingmark
took=$(($(cut -d' ' -f1 /proc/uptime | tr -d .) - before))
echo "STOP took ${took}0 ms: $(property Result) $(property ExecMainStatus)"
[ $(property Result) = success ] && [ $(property ExecMainStatus) = 0 ] && [ $took -lt 100 ]
systemd-analyze security --no-pager wingmark | tail -1
