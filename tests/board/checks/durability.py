"""The log keeps its promise: at most the last flush interval is lost, and every record that is read
back is whole."""

import datetime
import random
import re
import shutil
import subprocess
import time

import logs

# The default of --flush-every.
FLUSH_INTERVAL = 1.0
# What the jobs set the clock to.
EPOCH = datetime.datetime.fromtimestamp(1_800_000_000, datetime.timezone.utc)


def recording(lab, job, frames):
    """A share with a job that records so many pictures. They are small: what is tested is the
    log."""
    share = lab.share(job)
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


def _read_logs(files):
    """The records of each format in all files of the log `faces`, oldest first; by extension."""
    # The archives sort before the file under way: "faces-000001-..csv" < "faces.csv".
    return {extension: [r for path in sorted(files.glob(f"faces*{extension}")) for r in reader(path)]
            for extension, reader in logs.READERS.items()}


def _read_disk(lab, disk):
    files = lab.read_disk(disk)
    found = _read_logs(files)
    shutil.rmtree(files.parent)
    return found


def _keys(records):
    return [(r.sequence, r.wall_time) for r in records]


def _check_kept(found, whole, at):
    """What was found after a cut is the beginning of the whole log and goes up to the flush
    interval before the cut; how many records were lost."""
    lost = 0
    for extension, records in found.items():
        assert _keys(records) == _keys(whole[extension][: len(records)]), f"{extension}: not the beginning of the whole log"
        rest = whole[extension][len(records):]
        late = [_seconds(r) for r in rest if _seconds(r) < at - FLUSH_INTERVAL]
        assert not late, f"{extension}: cut at {at:.2f} s, lost records of {late}"
        lost = max(lost, sum(_seconds(r) < at for r in rest))
    return lost


def power_cuts(lab, cuts=100):
    """100 power cuts while recording, at random times: at most the flush interval is lost, what is
    read is whole."""
    # A cut leaves of a disk what its image holds. QEMU killed and QEMU stopped leave the same bytes
    # there, so that one run gives all cuts; `restarts` kills it.
    share, disk = recording(lab, "sh record.sh", 4000), lab.disk(32)
    images, times = [], []
    chance = random.Random(5)
    with lab.machine(share, disks=[disk]) as board:
        for _ in range(cuts):
            for _ in range(chance.randrange(1, 6)):
                board.wait_for("^AT")
            time.sleep(chance.uniform(0, 0.5))
            with board.frozen():
                times.append(_now(board.console))
                images.append(lab.folder() / "disk")
                subprocess.run(["cp", "--sparse=always", disk, images[-1]], check=True)
        (share / "stop").touch()
        board.finish()
    whole = _read_disk(lab, disk)
    lost = [_check_kept(_read_disk(lab, image), whole, at) for image, at in zip(images, times)]
    return f"{cuts} cuts in {times[-1]:.0f} s and {len(whole['.csv'])} frames; {max(lost)} records lost at most"


def _check_continued(found, before, at):
    """What was found after the cut at `at` is what was found after the one before, and then a run
    from its first frame up to the flush interval before the cut."""
    for extension, records in found.items():
        kept, new = records[: len(before[extension])], records[len(before[extension]):]
        assert _keys(kept) == _keys(before[extension]), f"{extension}: the cut at {at} s took earlier records"
        assert [r.sequence for r in new] == list(range(len(new))) and new, f"{extension}: frames are missing"
        # The next frame came, but at most one flush interval before the cut.
        assert _seconds(new[-1]) > at - FLUSH_INTERVAL - 0.5, f"{extension}: cut at {at} s, last {_seconds(new[-1])} s"


def restarts(lab, cuts=3):
    """The board is killed and boots again on the same disk: earlier records stay, recording goes
    on."""
    share, disk = recording(lab, "sh record.sh", 4000), lab.disk(32)
    before = {extension: [] for extension in logs.READERS}
    for cut in range(cuts):
        with lab.machine(share, disks=[disk]) as board:
            for _ in range(20 + 7 * cut):
                board.wait_for("^AT")
            board.cut_power()
            at = _now(board.console)
        found = _read_disk(lab, disk)
        _check_continued(found, before, at)
        before = found
    return f"{cuts} cuts; {len(before['.csv'])} frames"


def dropped_writes(lab, cuts=20):
    """The disk takes writes and keeps none (dm-flakey drop_writes), then the power goes: as
    restarts."""
    share, disk = recording(lab, f"sh drops.sh {cuts}", 4000), lab.disk(32)
    with lab.machine(share, disks=[disk]) as board:
        console = board.finish()
    clock, = re.findall(r"^CLOCK ([\d.]+)$", console, re.MULTILINE)
    times = [float(text) - float(clock) for text in re.findall(r"^DROPS ([\d.]+)$", console, re.MULTILINE)]
    assert len(times) == cuts, console
    before = {extension: [] for extension in logs.READERS}
    for number, at in enumerate(times, 1):
        found = _read_logs(share / f"cut-{number}")
        _check_continued(found, before, at)
        before = found
    assert _keys(_read_disk(lab, disk)[".csv"]) == _keys(before[".csv"]), "the disk holds other records than the board read"
    return f"{cuts} cuts; {len(before['.csv'])} frames"


def _disk_fault(lab, kind, *mkfs_options):
    """Records while the disk fails and after; what was read back of each format: how many, and how
    many were lost."""
    share, disk = recording(lab, f"sh fault_disk.sh {kind}", 4000), lab.disk(6, *mkfs_options)
    with lab.machine(share, disks=[disk]) as board:
        console = board.finish()
    observed = int(re.search(r"^(\d+) frames, ", console, re.MULTILINE).group(1))
    results = []
    for extension, records in _read_disk(lab, disk).items():
        sequences = [r.sequence for r in records]
        assert sequences == sorted(set(sequences)), f"{extension}: frames twice or out of order"
        assert sequences[0] == 0, f"{extension}: earlier records were damaged"
        assert sequences[-1] > int(re.search(r"^LOST at (\d+)", console, re.MULTILINE).group(1)), f"{extension}: never resumed"
        said = re.findall(rf"faces{re.escape(extension)}: (\d+) records? (?:was|were) lost \(.*\), (\d+) (?:was|were) written", console)
        assert said == [(str(observed - len(records)), str(len(records)))], \
            f"{extension}: of {observed} frames {len(records)} were read back; said: {said}"
        results.append(f"{extension[1:]} {len(records)} of {observed}")
    return ", ".join(results)


def full_disk(lab):
    """A disk of 6 MB fills up and is tidied: landmarking goes on, the loss is counted, recording
    resumes."""
    return _disk_fault(lab, "full", "-O", "^has_journal")


def disk_errors(lab):
    """Every write fails (dm-flakey error_writes), then the disk is sound again: as full_disk."""
    return _disk_fault(lab, "errors", "-O", "^has_journal")


def clock_jumps(lab):
    """The wall clock jumps to 2038 and back: nothing is lost or out of order."""
    share = recording(lab, "sh clock.sh", 4000)
    with lab.machine(share) as board:
        console = board.finish()
    observed = int(re.search(r"^(\d+) frames, ", console, re.MULTILINE).group(1))
    for extension, records in _read_logs(share).items():
        assert [r.sequence for r in records] == list(range(observed)), f"{extension}: not every frame in order"
        years = {r.wall_time.year for r in records}
        assert years == {1970, 2027, 2038}, f"{extension}: the wall clock was at {years}"
    return f"{observed} frames"


TESTS = [power_cuts, restarts, dropped_writes, full_disk, disk_errors, clock_jumps]
