"""The unit in service/ under a real systemd."""

import json
import re
import shutil
import struct
import subprocess

import logs
import pictures

# Of the programs that listen, as tests/readers/listen.py reads them.
OPENTRACK_BYTES, OPENSEEFACE_BYTES = struct.calcsize("<6d"), 1785
SECRET = "hush-hush-4711"


def _under_systemd(lab, job):
    share = lab.share(job)
    (share / "systemd.sh").rename(share / "systemd")
    return share


def service(lab):
    """The shipped unit: ready, logging as a user of its own, reloaded, restarted by the watchdog,
    stopped within a second."""
    share = _under_systemd(lab, "sh service.sh")
    shutil.copy(lab.checkout / "service/wingmark.service", share)
    with lab.machine(share) as board:
        console = board.finish()
    hang, back = (float(re.search(rf"^{word} ([\d.]+)", console, re.MULTILINE).group(1)) for word in ("HANG", "BACK"))
    exposure = re.search(r"exposure level.*: ([\d.]+ \w+)", console).group(1)
    return f"hung {back - hang:.0f} s until restarted; stopped in {_stops(console)[0]}; systemd-analyze security: {exposure}"


def _stops(console):
    return re.findall(r"^STOP took (\d+ ms)", console, re.MULTILINE)


def packaged(lab):
    """The Debian package set up by the documents: camera gone, disk full, reload, an update, 20
    restarts, stop, removal."""
    share = _under_systemd(lab, "sh packaged.sh")
    first, second = lab.packages()
    shutil.copy(first, share / "first.deb")
    shutil.copy(second, share / "second.deb")
    version = subprocess.run(["dpkg-deb", "-f", second, "Version"], check=True, capture_output=True, text=True).stdout
    (share / "second.version").write_text(version)
    with lab.machine(share) as board:
        console = board.finish()
    files = sorted((share / "found").glob("faces*.csv"))
    # The first run, three reloads of which one was refused, the update, 20 restarts.
    assert len(files) >= 24, [file.name for file in files]
    rows = sum(_rows(file) for file in files)
    lost = re.search(r"^LOST (\d+)", console, re.MULTILINE).group(1)
    return f"{rows} rows in {len(files)} files, {lost} lost on the full disk and counted; stopped in {_stops(console)[0]}"


def _rows(file):
    """How many: each is whole, none twice or out of order."""
    sequences = [record.sequence for record in logs.csv_rows(file)]
    assert sequences == sorted(set(sequences)), f"{file.name}: {sequences}"
    return len(sequences)


def receivers(lab):
    """The package with a CSI camera's stand-in, mosquitto that goes and comes back, UDP readers,
    the page; secrets and ports."""
    share = _under_systemd(lab, "sh receivers.sh")
    first, _ = lab.packages()
    shutil.copy(first, share / "first.deb")
    pictures.scene(lab.portrait).resize((320, 240)).save(share / "face.jpg", quality=90)
    with lab.machine(share) as board:
        console = board.finish()
    found = share / "found"
    rows = _rows(found / "faces.csv")
    assert any(record.faces for record in logs.csv_rows(found / "faces.csv")), "no face of the CSI camera"
    states, datagrams, events = _check_broker(found), _check_datagrams(found), _check_page(found)
    assert SECRET not in (found / "journal").read_text()
    listening = re.search(r"^LISTENING (.*)", console, re.MULTILINE).group(1).split()
    assert listening == ["0100007F:075B", "0100007F:1F90"], f"listened on {listening}; expected mosquitto and the page"
    exposure = re.findall(r"exposure level.*: ([\d.]+)", console)[-1]
    return (f"{rows} rows, {states} states of the broker, {datagrams} datagrams, {events} events of the page; "
            f"stopped in {_stops(console)[0]}; exposure {exposure}")


def _check_broker(found):
    """Both times: online, who speaks, and states whose frames rise."""
    states = 0
    for name in ("heard-before", "heard"):
        lines = [line.split(" ", 2) for line in (found / name).read_text().splitlines()]
        about, = {payload for _, topic, payload in lines if topic == "hall/desk-01/about"}
        assert json.loads(about)["model"] == "nano", about
        sequences = [json.loads(payload)["sequence"] for retained, topic, payload in lines
                     if topic == "hall/desk-01/state" and retained == "0"]
        sequences = [sequence for sequence in sequences if sequence is not None]
        assert sequences == sorted(set(sequences)) and sequences, f"{name}: {sequences}"
        states += len(sequences)
    return states


def _check_datagrams(found):
    opentrack = (found / "opentrack").read_bytes()
    x, y, z, yaw, pitch, roll = struct.unpack("<6d", opentrack[:OPENTRACK_BYTES])
    assert len(opentrack) % OPENTRACK_BYTES == 0 and z > 10 and max(map(abs, (yaw, pitch, roll))) < 60, (z, yaw, pitch, roll)
    openseeface = (found / "openseeface").read_bytes()
    assert openseeface and len(openseeface) % OPENSEEFACE_BYTES == 0, len(openseeface)
    text, objects = (found / "udp").read_text(), []
    while text:
        seen, end = json.JSONDecoder().raw_decode(text)
        objects.append(seen)
        text = text[end:].lstrip()
    assert objects and all(len(seen["points"]) == 2 * 68 for seen in objects), objects[:1]
    return len(opentrack) // OPENTRACK_BYTES + len(openseeface) // OPENSEEFACE_BYTES + len(objects)


def _check_page(found):
    assert "<canvas" in (found / "page-").read_text()
    health = json.loads((found / "page-healthz").read_text())
    assert "wingmark_build_info" in (found / "page-metrics").read_text(), health
    lines = (found / "page-events").read_text(errors="replace").split("\n")[:-1]
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    # The state of the run comes among the frames.
    events = [event for event in events if "sequence" in event]
    assert events and all(event["faces"] for event in events), events[:1]
    return len(events)


TESTS = [service, packaged, receivers]
