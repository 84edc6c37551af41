#!/usr/bin/env python3
"""What live output costs beside a frame: CPU time of its threads, with so many viewers of the page.

    cargo build && python benches/publish.py [PROGRAM]   # Linux; a picture ten times a second, 20 s a row
"""

import argparse
import sys
import threading
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests/common"))
from live_run import LiveRun, free_port

OURS = ("publish", "page", "video")


def cpu_ns(pid):
    """CPU time of the threads that send, and of those only."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() in OURS:
                total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass  # It has just ended.
    return total


def frames(address):
    with urllib.request.urlopen(address + "/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return int(next(line for line in lines if line.startswith("wingmark_frames_total ")).split()[1])


def cost_us(wingmark, viewers):
    """Microseconds a frame, with an MQTT broker and a UDP listener that are not there."""
    elsewhere = ["--publish", "mqtt://127.0.0.1:1/x", "--publish", "udp://127.0.0.1:9"]
    with LiveRun(wingmark, "--serve", str(free_port()), *elsewhere) as run:
        address = run.said("the page is at ").split()[-1]

        def view():
            with urllib.request.urlopen(address + "/events") as stream:
                for _ in stream:
                    pass

        for _ in range(viewers):
            threading.Thread(target=view, daemon=True).start()
        time.sleep(5)
        cpu, count = cpu_ns(run.process.pid), frames(address)
        time.sleep(20)
        return (cpu_ns(run.process.pid) - cpu) / 1e3 / (frames(address) - count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default=REPOSITORY / "target/debug/wingmark")
    wingmark = parser.parse_args().program
    for viewers in (0, 1, 10):
        print(f"{viewers:2} viewers: {cost_us(wingmark, viewers):.0f} us of CPU a frame")


main()
