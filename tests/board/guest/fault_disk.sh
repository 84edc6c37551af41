# The disk fails while frames are recorded, and is sound again: fault_disk.sh full|errors
set -e
. ./disk.sh
log=/data/faces
. ./wingmark.sh

# has_lost EXTENSION: that file lost records, which it says at once.
has_lost() { has_said "faces.$1: .* lost"; }

[ $1 = errors ] || dd if=/dev/zero of=/data/ballast bs=1k count=4300 2>/dev/null
wingmark_start --source pictures --screen none --record $log.csv --record $log.jsonl --record $log.mcap
within 60 has_logged 1
files=$(open_files)
[ $1 = full ] || disk_becomes $fails_writes
within 120 has_lost csv
within 120 has_lost jsonl
within 120 has_lost mcap
echo "LOST at $(logged) frames"
sleep 2
if [ $1 = full ]; then rm /data/ballast; else disk_becomes $sound; fi
frames_flow
echo "AGAIN at $(logged) frames"
[ $(open_files) -le $((files + 1)) ]
# It was told to stop before it had all pictures.
wingmark_stop 1
umount /data
