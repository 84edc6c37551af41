# The unit as systemd runs it. Sourced by jobs.
logs=/var/lib/wingmark
figures=/run/wingmark/wingmark.prom

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
# said WORDS: in the journal of the unit.
said() { journalctl -u wingmark -o cat --no-pager | grep -q "$1"; }

# as_user NAME COMMAND: in a shell of that user.
as_user() { su -s /bin/sh $1 -c "$2"; }

# package ARGUMENTS: Debian's dpkg; the shell's own would come first. In an unpacked root nothing is
# known to be installed.
package() {
    mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /var/lib/dpkg/triggers
    touch /var/lib/dpkg/status /var/lib/dpkg/available
    /usr/bin/dpkg --force-depends --force-bad-path "$@" 2>&1
}
step() { echo "STEP $* at $(cut -d' ' -f1 /proc/uptime) s"; }

# refused COMMAND: it has to fail. (What stands after "!" ends no script.)
refused() { if "$@" >/dev/null 2>&1; then echo "not refused: $*"; return 1; fi; }

# stop_within_a_second: SIGTERM by systemd, which ends it with status 0.
stop_within_a_second() {
    before=$(cut -d' ' -f1 /proc/uptime | tr -d .)
    systemctl stop wingmark
    took=$(($(cut -d' ' -f1 /proc/uptime | tr -d .) - before))
    echo "STOP took ${took}0 ms: $(property Result) $(property ExecMainStatus)"
    [ $(property Result) = success ] && [ $(property ExecMainStatus) = 0 ] && [ $took -lt 100 ]
}
