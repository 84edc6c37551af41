"""What wingmark takes of a small board."""

import re

from .durability import recording


def memory(lab):
    """Runs within 100 MB, files included; memory and open files stay flat."""
    with lab.machine(recording(lab, "sh memory.sh", 4000)) as board:
        console = board.finish()
    began, ended, peak = re.search(r"RESIDENT (\d+) (\d+) kB.* PEAK (\d+)", console).groups()
    return f"resident {int(began) / 1024:.1f} MB, later {int(ended) / 1024:.1f} MB; peak with files {int(peak) / 2**20:.0f} MB"


TESTS = [memory]
