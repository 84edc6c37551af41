"""The log keeps its promise: at most the last flush interval is lost, and every record that is read back is whole."""

import datetime
import random
import re
import shutil
import subprocess
import time

import logs

# The default of --flush-every.
FLUSH_INTERVAL = 1.0
# What guest/record.sh sets the clock to.
EPOCH = datetime.datetime.fromtimestamp(1_800_000_000, datetime.timezone.utc)


def _recording(lab, frames):
    """A share whose job records so many frames. They are small: what is tested here is the log."""
    share = lab.share("sh record.sh")
    (share / "pictures").mkdir()
    lab.scene().resize((320, 240)).save(share / "picture.jpg", quality=90)
    for number in range(frames):
        (share / f"pictures/{number:06}.jpg").hardlink_to(share / "picture.jpg")
    return share


def _now(console):
    """The last time that the board told, in its wall clock's seconds since EPOCH."""
    clock, = re.findall(r"^CLOCK ([\d.]+)$", console, re.MULTILINE)
    return float(re.findall(r"^AT ([\d.]+)\n", console, re.MULTILINE)[-1]) - float(clock)


def _seconds(record):
    return (record.wall_time - EPOCH).total_seconds()


def _read_logs(lab, disk):
    """The records of each format in all files of a log, oldest first; by extension."""
    files = lab.read_disk(disk)
    # The archives sort before the file under way: "faces-000001-..csv" < "faces.csv".
    found = {extension: [r for path in sorted(files.glob(f"faces*{extension}")) for r in reader(path)]
             for extension, reader in logs.READERS.items()}
    shutil.rmtree(files.parent)
    return found


def _check_kept(found, whole, at):
    """What was found after a cut at a time is the beginning of the whole log, and nothing older than the interval is missing."""
    lost = 0
    for extension, records in found.items():
        same = [(r.sequence, r.wall_time) for r in whole[extension][: len(records)]]
        assert [(r.sequence, r.wall_time) for r in records] == same, f"{extension}: not the beginning of the whole log"
        due = [r for r in whole[extension][len(records):] if _seconds(r) < at - FLUSH_INTERVAL]
        assert not due, f"{extension}: cut at {at:.2f} s, lost records of {[_seconds(r) for r in due]}"
        made = [r for r in whole[extension] if _seconds(r) < at]
        lost = max(lost, len(made) - len(records))
    return lost


def power_cuts(lab, cuts=100):
    """100 power cuts while recording, at random times."""
    # A cut leaves of a disk what its image holds: QEMU killed and QEMU stopped leave the same bytes there, so that one run
    # gives all cuts. `restarts` kills it.
    share, disk = _recording(lab, 4000), lab.disk(32)
    images, times = [], []
    chance = random.Random(5)
    with lab.machine(share, disks=[disk]) as board:
        board.wait_for("^AT")
        while len(images) < cuts:
            for _ in range(chance.randrange(1, 6)):
                board.wait_for("^AT")
            time.sleep(chance.uniform(0, 0.5))
            with board.frozen():
                times.append(_now(board.console))
                images.append(lab.folder() / "disk")
                subprocess.run(["cp", "--sparse=always", disk, images[-1]], check=True)
        (share / "stop").touch()
        board.finish()
    whole = _read_logs(lab, disk)
    lost = [_check_kept(_read_logs(lab, image), whole, at) for image, at in zip(images, times)]
    frames = len(whole[".csv"])
    return f"{cuts} cuts over {times[-1]:.0f} s and {frames} frames; at most {max(lost)} records lost by one"


TESTS = [power_cuts]
