"""What a camera shows is found where it is, on the display and in the logs."""

import io
import re

import numpy
from PIL import Image

import logs
import pictures

# The overlay's dots (src/overlay): their colour, that of points which are guessed (and of the
# ellipses), and how far a pixel of one is from its middle; they are 2 px wide here.
DOT = (255, 240, 80)
GUESSED_DOT = (255, 110, 60)
# Frames after which a face that stands still is followed as it stays.
FOLLOWED = 8
DOT_RADIUS_PX = 1.5
SCREEN = (800, 480)


def _jpeg(picture):
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=95)
    return file.getvalue()


def _png(picture):
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def _watch(lab, fourcc, picture, frames=6):
    """Records of a still picture that a camera shows in a format, and a shot of the screen."""
    share = lab.share(f"sh watch.sh {fourcc} {frames}")
    (share / "picture").write_bytes(_jpeg(picture) if fourcc == "MJPG" else pictures.raw(picture, fourcc))
    with lab.machine(share) as board:
        board.wait_for("^SHOW")
        board.screen_shot(share / "shot.png")
        (share / "stop").touch()
        board.finish()
    records = logs.jsonl(share / "log.jsonl")
    rows = logs.csv_rows(share / "log.csv")
    assert [r.sequence for r in rows] == [r.sequence for r in records], "CSV and JSONL hold different frames"
    gaps = logs.unaccounted(records)
    assert not gaps, f"frames neither observed nor counted as dropped: {gaps}"
    return records, Image.open(share / "shot.png").convert("RGB")


def _check_overlay(shot, expected, seen):
    """Every point has a dot, and every dot is at a point of a face seen, within 2 px; the distance
    of the farthest point."""
    assert shot.size == SCREEN
    # The frame is as high as the screen and stands in the middle of it.
    pixels = lambda colour: numpy.argwhere((numpy.asarray(shot) == colour).all(axis=2))[:, ::-1] - [(SCREEN[0] - pictures.SIZE[0]) / 2, 0]
    dots, guessed = pixels(DOT), pixels(GUESSED_DOT)
    assert len(dots) > 0, "the screen shows no points"
    distances = lambda dots, points: numpy.linalg.norm(dots[:, None] - points[None], axis=2)
    without_dot = distances(numpy.concatenate([dots, guessed]), expected).min(axis=0).max()
    without_point = distances(dots, numpy.concatenate(seen)).min(axis=1).max()
    assert without_dot <= 2, f"a point has no dot within {without_dot:.1f} px"
    assert without_point <= 2 + DOT_RADIUS_PX, f"a dot has no point within {without_point:.1f} px"
    return without_dot


def _compare(lab, fourcc, picture):
    records, shot = _watch(lab, fourcc, picture)
    first, *later = [face for record in records for face in record.faces]
    assert len(later) >= len(records) / 2, f"{fourcc}: {len(later) + 1} faces in {len(records)} frames"

    # Later looks depend on when frames came, by the smoothing; the first one depends on the samples
    # alone.
    file = ("picture.jpg", _jpeg(picture)) if fourcc == "MJPG" else ("picture.y4m", pictures.y4m(picture, fourcc))
    distance = logs.farthest(first, lab.reference(*file))
    assert distance <= 0.05, f"{fourcc}: a point is {distance:.2f} px from where this machine finds it in the same samples"

    off = logs.farthest(first, lab.reference("picture.png", _png(picture)))
    assert off <= 1.5, f"{fourcc}: a point is {off:.2f} px from where this machine finds it in the picture"
    # A face that is followed is seen in another crop than one just found, and a point at the jaw's
    # edge may stand elsewhere in it.
    followed = lab.reference("followed.y4m", pictures.y4m(picture, "YUYV", FOLLOWED), FOLLOWED)
    strayed = max(logs.farthest(face, followed) for face in later)
    assert strayed <= 2, f"{fourcc}: a followed point is {strayed:.2f} px from where this machine follows it"
    dots = _check_overlay(shot, followed, [first, *later])
    observed, dropped = len(records), sum(r.dropped for r in records)
    return (f"{fourcc}: same samples {distance:.2f} px, picture {off:.2f} px, followed {strayed:.2f} px, dots {dots:.1f} px; "
            f"{observed} observed + {dropped} dropped")


def camera(lab):
    """YUYV from a camera, to the display and the logs; compared with this machine's run on the
    picture."""
    return _compare(lab, "YUYV", lab.scene())


def formats(lab):
    """NV12, MJPEG and grey, as `camera`; grey beside a grey picture."""
    results = [_compare(lab, fourcc, lab.scene()) for fourcc in ("NV12", "MJPG")]
    results.append(_compare(lab, "GREY", lab.scene().convert("L").convert("RGB")))
    return "; ".join(results)


# Formats and numbers of planes of vivid's two kinds.
KINDS = [("UYVY", 1), ("YU12", 1), ("YUYV", 2), ("NV12", 2)]


def kinds(lab):
    """UYVY, YU12, multi-planar YUYV and NV12 as this machine sees the same samples; two cameras of
    one make."""
    share = lab.share("sh formats.sh " + " ".join(f"{fourcc}:{planes}" for fourcc, planes in KINDS))
    for fourcc, _ in KINDS:
        (share / fourcc).write_bytes(pictures.raw(lab.scene(), fourcc))
    with lab.machine(share) as board:
        console = board.finish()
    results = []
    for fourcc, planes in KINDS:
        first, *_ = [face for record in logs.jsonl(share / f"{fourcc}-{planes}.jsonl") for face in record.faces]
        distance = logs.farthest(first, lab.reference("picture.y4m", pictures.y4m(lab.scene(), fourcc)))
        assert distance <= 0.05, f"{fourcc}: a point is {distance:.2f} px from where this machine finds it in the same samples"
        results.append(f"{fourcc} {'multi-planar ' * (planes > 1)}{distance:.2f} px")
    assert "EQUAL no row of the other one" in console, console
    return ", ".join(results) + "; of two equal cameras the one that was named"


def pipeline(lab):
    """A real driver's nodes that a media controller has to set up: named, passed over, refused in a
    line, read once set up."""
    with lab.machine(lab.share("sh pipeline.sh")) as board:
        console = board.finish()
    way = "is part of a pipeline that a media controller sets up, and gives no frames by itself; give --source gst:"
    refused = re.search(r"^REFUSED 1, 1 line: (.*)$", console, re.MULTILINE)
    assert refused and f"/dev/video2 (vimc) {way}" in refused.group(1), console
    named = re.search(r"^DOCTOR (.*)$", console, re.MULTILINE)
    assert named and way in named.group(1), console
    taken = re.search(r"^TAKEN (camera vivid.*)$", console, re.MULTILINE)
    assert taken, console
    set_up = re.search(r"^SET-UP (3 frames, .*)$", console, re.MULTILINE)
    assert set_up and '"width":160,"height":120' in set_up.group(1), console
    return f"vimc refused in one line and named by doctor; {taken.group(1)}; once set up, {set_up.group(1)}"


def camera_faults(lab, cycles=100):
    """Damaged frames, errors, stalls, a disconnect, 100 times unplugged: landmarks flow again;
    nothing piles up."""
    share = lab.share(f"sh camera_faults.sh {cycles}")
    (share / "picture").write_bytes(pictures.raw(lab.scene(), "YUYV"))
    with lab.machine(share) as board:
        console = board.finish()
    for log in ("faults.jsonl", "log.jsonl"):
        gaps = [gap for gap in logs.unaccounted(logs.jsonl(share / log)) if gap[0] < gap[1]]
        assert not gaps, f"{log}: frames neither observed nor counted as dropped: {gaps}"
    faults = re.findall(r"^FAULT (.*): \w+ flow", console, re.MULTILINE)
    held = [(int(files), int(kb)) for files, kb in re.findall(r"^CYCLE \d+: (\d+) files, (\d+) kB", console, re.MULTILINE)]
    warm = held[min(10, len(held) - 1)]
    assert held[-1][0] <= warm[0], f"open files grow: {held}"
    assert held[-1][1] <= warm[1] + 1024, f"memory grows: {held}"
    reconnects = re.search(r"^wingmark_camera_reconnects_total (\d+)", (share / "wingmark.prom").read_text(), re.MULTILINE)
    return f"{', '.join(faults)}; {len(held)} times unplugged, {reconnects.group(1)} reconnects; {held[-1][0]} files, {held[-1][1]} kB"


def stops(lab):
    """SIGTERM while starting, running, with a camera that stalled or is gone, on a full disk: the
    end comes within a second."""
    share = lab.share("sh stops.sh")
    (share / "picture").write_bytes(pictures.raw(lab.scene(), "YUYV"))
    with lab.machine(share) as board:
        console = board.finish()
    took = re.findall(r"^STATE (.*)\n(?:(?!STATE ).*\n)*?STOPPED 0 in (\d+ ms)", console, re.MULTILINE)
    assert len(took) == console.count("STATE "), console
    return "; ".join(f"{state}: {ms}" for state, ms in took)


TESTS = [camera, formats, kinds, pipeline, camera_faults, stops]
