"""The unit in service/ under a real systemd."""

import re
import shutil


def service(lab):
    """The shipped unit: ready, logging as a user of its own, reloaded, restarted by the watchdog, stopped within a second."""
    share = lab.share("sh service.sh")
    (share / "systemd.sh").rename(share / "systemd")
    shutil.copy(lab.checkout / "service/wingmark.service", share)
    with lab.machine(share) as board:
        console = board.finish()
    hang, back = (float(re.search(rf"^{word} ([\d.]+)", console, re.MULTILINE).group(1)) for word in ("HANG", "BACK"))
    stop = re.search(r"^STOP took (\d+ ms)", console, re.MULTILINE).group(1)
    exposure = re.search(r"exposure level.*: ([\d.]+ \w+)", console).group(1)
    return f"hung {back - hang:.0f} s until restarted; stopped in {stop}; systemd-analyze security: {exposure}"


TESTS = [service]
