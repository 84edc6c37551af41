# Records to a disk that, at some time, takes writes and keeps none of them, until the power goes;
# as a drive does whose memory for writes is lost. Mounts it as after a reboot, leaves what is there
# in /share/cut-NUMBER, and goes on: drops.sh CUTS
set -e
. ./disk.sh
log=/data/faces
. ./wingmark.sh

date -s @1800000000 >/dev/null
echo "CLOCK $(cut -d' ' -f1 /proc/uptime)"
cut=1
while [ $cut -le $1 ]; do
    before=$(logged)
    wingmark_start --source pictures --screen none --record $log.csv --record $log.jsonl --record $log.mcap
    within 60 has_logged $((before + 3))
    # Times of no pattern, the same in each run.
    sleep 0.$((cut * 7 % 10))
    echo "DROPS $(cut -d' ' -f1 /proc/uptime)"
    disk_becomes $drops_writes
    sleep 0.$((cut * 9 % 10))
    kill -9 $wingmark
    wait $wingmark || true
    umount /data
    disk_becomes $sound
    mount -t ext4 /dev/dm-0 /data
    mkdir cut-$cut
    cp $log* cut-$cut
    cut=$((cut + 1))
done
umount /data
