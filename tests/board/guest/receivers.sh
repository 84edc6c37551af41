# The package with a CSI camera, a broker, programs that listen and the page, set up by what the
# documents say. Leaves in /share/found what each of them got, the journal and the log.
set -e
. ./unit.sh
drop_ins=/usr/share/doc/wingmark/service/drop-ins
mkdir found
package -i first.deb

step set up
cat >/usr/local/bin/rpicam-vid <<'END'
#!/bin/sh
while cat /usr/local/share/face.jpg; do sleep 1; done
END
chmod 755 /usr/local/bin/rpicam-vid
mkdir -p /usr/local/share /etc/systemd/system/wingmark.service.d
cp face.jpg /usr/local/share/
# As useradd and mosquitto's package would.
echo 'wingmark:x:900:900::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
echo 'wingmark:x:900:' >>/etc/group
echo 'reader:x:901:900::/nonexistent:/usr/sbin/nologin' >>/etc/passwd
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
    cp $drop_ins/$drop_in.conf /etc/systemd/system/wingmark.service.d/
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
step started
heard() { grep -q "$1" /tmp/heard; }
eventually 20 heard 'hall/desk-01/available online'
eventually 20 heard 'hall/desk-01/state .*"faces":1'
for path in '' healthz metrics; do wget -q -O /tmp/page-$path http://127.0.0.1:8080/$path; done
timeout 6 wget -q -O /tmp/page-events http://127.0.0.1:8080/events || true
eventually 20 sh -c '[ -s /tmp/opentrack ] && [ -s /tmp/openseeface ] && [ -s /tmp/udp ]'
refused as_user nobody "ls $logs/"
refused as_user nobody "ls /run/wingmark/"
as_user reader "grep -q ^wingmark_frames_total $figures && grep -q timestamp $logs/faces.csv"
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

step stop
stop_within_a_second
eventually 10 heard 'hall/desk-01/available offline'
cp /tmp/opentrack /tmp/openseeface /tmp/udp /tmp/page-* /tmp/heard /tmp/heard-before found/
cp $logs/faces.csv found/
step done
