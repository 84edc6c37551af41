# The disk, through a device-mapper table that a job can change, mounted on /data. Sourced.
modprobe -a virtio_blk ext4 dm-mod dm-flakey
sectors=$(blockdev --getsz /dev/vda)
dmsetup create --noudevsync disk --table "0 $sectors linear /dev/vda 0"
mount -t ext4 /dev/dm-0 /data

# disk_becomes TARGET..: the table's line from now on; "linear /dev/vda 0" for a sound disk, or a
# fault.
disk_becomes() {
    dmsetup load --noudevsync disk --table "0 $sectors $*"
    dmsetup suspend --nolockfs --noflush --noudevsync disk
    dmsetup resume --noudevsync disk
}

# What the disk does, in the words of dm-flakey.
sound="linear /dev/vda 0"
drops_writes="flakey /dev/vda 0 0 3600 1 drop_writes"
fails_writes="flakey /dev/vda 0 0 3600 1 error_writes"
