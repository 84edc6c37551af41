# 100 MB of memory for wingmark and its files.
set -e
log=/tmp/faces
. ./wingmark.sh
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/small
echo 100M >/sys/fs/cgroup/small/memory.max
echo $$ >/sys/fs/cgroup/small/cgroup.procs
wingmark_start --source pictures --screen none --record $log.jsonl
frames_flow
resident=$(resident_kb) files=$(open_files)
within 120 has_logged 40
echo "RESIDENT $resident $(resident_kb) kB; FILES $files $(open_files); PEAK $(cat /sys/fs/cgroup/small/memory.peak)"
grep -q '^oom_kill 0$' /sys/fs/cgroup/small/memory.events
[ $(open_files) -le $files ]
[ $(resident_kb) -le $((resident + 1024)) ]
wingmark_stop 1
