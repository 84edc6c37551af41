# Runs wingmark beside a job. Sourced, after log= says where its JSONL log is, without the ending.
cp wingmark /tmp

# wingmark_start ARGUMENTS: its messages go to the console and to /tmp/messages.
wingmark_start() {
    [ -p /tmp/said ] || mkfifo /tmp/said
    tee -a /tmp/messages </tmp/said &
    RUST_LOG=${RUST_LOG:-info} /tmp/wingmark run "$@" >/tmp/said 2>&1 &
    wingmark=$!
}

# logged: how many frames the log holds, in all its files.
logged() { cat $log*.jsonl 2>/dev/null | wc -l; }

# within SECONDS COMMAND: repeats the command until it succeeds; fails when the time is over or
# wingmark is gone.
within() {
    tenths=${1}0
    shift
    until "$@"; do
        if ! kill -0 $wingmark 2>/dev/null; then echo "wingmark is gone, waiting for: $*"; return 1; fi
        if [ $tenths -le 0 ]; then echo "too long: $*"; return 1; fi
        sleep 0.1
        tenths=$((tenths - 1))
    done
}

has_logged() { [ $(logged) -ge $1 ]; }
has_said() { grep -q "$1" /tmp/messages; }

# frames_flow: waits for three frames more in the log than there are.
frames_flow() { within 60 has_logged $(($(logged) + 3)); }

# now: hundredths of a second since the board came up.
now() { cut -d' ' -f1 /proc/uptime | tr -d .; }

# wingmark_stop STATUS: SIGTERM, on which it has to end with that status within a second.
wingmark_stop() {
    asked=$(now)
    kill $wingmark
    status=0
    wait $wingmark || status=$?
    took=$(($(now) - asked))
    echo "STOPPED $status in ${took}0 ms"
    [ $status -eq $1 ] && [ $took -lt 100 ]
}

# open_files, resident_kb: what wingmark holds.
open_files() { ls /proc/$wingmark/fd | wc -l; }
resident_kb() { sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/$wingmark/status; }
