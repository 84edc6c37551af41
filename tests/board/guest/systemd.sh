# Copied to the share as `systemd`: turns an unpacked, never configured Debian into one that systemd
# boots, with the job as its only goal.
cat >/etc/passwd <<END
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
messagebus:x:100:100::/nonexistent:/usr/sbin/nologin
END
cat >/etc/group <<END
root:x:0:
video:x:44:
render:x:105:
messagebus:x:100:
nogroup:x:65534:
END
printf 'passwd: files systemd\ngroup: files systemd\n' >/etc/nsswitch.conf
: >/etc/machine-id
mkdir -p /root /etc/systemd/system /usr/local/bin /var/lib /var/cache /var/log
cat >/etc/systemd/system/job.target <<END
[Unit]
Requires=basic.target dbus.socket job.service
END
cat >/etc/systemd/system/job.service <<END
[Unit]
After=basic.target dbus.socket
[Service]
Type=oneshot
WorkingDirectory=/share
ExecStart=/bin/sh -c 'sh job; echo "BOARD-DONE \$?"; sync; poweroff -f'
Environment=SYSTEMD_PAGER=cat SYSTEMD_COLORS=0
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
TimeoutStartSec=infinity
END
ln -sfn /etc/systemd/system/job.target /etc/systemd/system/default.target
