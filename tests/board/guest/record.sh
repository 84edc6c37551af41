# Records /share/pictures to the disk, until there are no more or /share/stop appears. The console
# has the time every tenth of a second.
set -e
. ./disk.sh
log=/data/faces
. ./wingmark.sh

# The wall clock's second 1800000000 begins at this time since boot.
date -s @1800000000 >/dev/null
echo "CLOCK $(cut -d' ' -f1 /proc/uptime)"
wingmark_start --source pictures --screen none --record $log.csv --record $log.jsonl --record $log.mcap
while kill -0 $wingmark 2>/dev/null && [ ! -e stop ]; do
    echo "AT $(cut -d' ' -f1 /proc/uptime)"
    sleep 0.1
done
wingmark_stop 1
umount /data
