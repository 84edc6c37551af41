"""An emulated arm64 board: boots, runs the job of a shared folder, is watched, and is pulled from
the wall."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time


class MachineError(Exception):
    pass


class Machine:
    """A board that is on; a context manager that turns it off.

    share: the folder that the board sees as /share; init runs the shell script `job` in it. disks:
    image files, /dev/vda and on. What the console says is in the share's file `console` too. The
    board's clock counts instructions, one a nanosecond, so that what a test times is the same on a
    busy and a quiet host."""

    # A net under hung machines: how long the console may be silent. What a test expects within a
    # time, it measures with the board's clock, and a whole test takes as long as a busy host makes
    # it take.
    HOST_SECONDS = 1800

    def __init__(self, lab, share, disks=(), memory_mb=1024):
        self.folder = lab.folder()
        kernel, = lab.path.glob("kernel/boot/vmlinuz-*")
        command = [
            "qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-smp", "1", "-m", str(memory_mb),
            "-icount", "shift=0", "-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot",
            "-kernel", str(kernel), "-initrd", str(lab.path / "board.cpio"),
            "-append", "console=ttyAMA0 quiet panic=-1",
            "-virtfs", f"local,path={share},mount_tag=share,security_model=none",
            "-device", "virtio-gpu-pci,xres=800,yres=480",
            "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
        ]
        for number, disk in enumerate(disks):
            command += ["-drive", f"file={disk},format=raw,if=none,id=disk{number}", "-device", f"virtio-blk-pci,drive=disk{number}"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._log = (share / "console").open("a")
        self._heard = time.monotonic()
        self._text = ""
        self._waited_for = 0
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut_power()
        shutil.rmtree(self.folder)

    def _read(self):
        # os.read and not the buffered file: what is there now, a line or less.
        while chunk := os.read(self._process.stdout.fileno(), 65536):
            text = chunk.decode(errors="replace").replace("\r", "")
            self._log.write(text)
            self._log.flush()
            with self._changed:
                self._text += text
                self._heard = time.monotonic()
                self._changed.notify_all()
        self._log.close()
        with self._changed:
            self._changed.notify_all()

    @property
    def console(self):
        with self._changed:
            return self._text

    def wait_for(self, pattern):
        """Waits for a line of the console after the last one waited for; the match."""
        line = re.compile(pattern + r".*\n", re.MULTILINE)
        with self._changed:
            while True:
                if match := line.search(self._text, self._waited_for):
                    self._waited_for = match.end()
                    return match
                if not self._reader.is_alive():
                    raise MachineError(f"the board went off before it said {pattern!r}:\n{self._text}")
                if time.monotonic() > self._heard + self.HOST_SECONDS:
                    raise MachineError(f"no {pattern!r}, and silent for {self.HOST_SECONDS} s:\n{self._text}")
                self._changed.wait(1)

    def finish(self):
        """Waits for the job's end; raises where its exit status is not 0."""
        status = self.wait_for(r"^BOARD-DONE (\d+)").group(1)
        if status != "0":
            raise MachineError(f"the job ended with {status}:\n{self.console}")
        return self.console

    def screen_shot(self, path):
        """Writes what the display shows to a PNG file."""
        self._monitor("screendump", filename=str(path), format="png")

    @contextlib.contextmanager
    def frozen(self):
        """Holds the machine; meanwhile its disks are what they would be had the power gone."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def cut_power(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _monitor(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"{self.folder}/qmp")
            stream = connection.makefile("rw")
            stream.readline()
            for name, values in [("qmp_capabilities", {}), (command, arguments)]:
                stream.write(json.dumps({"execute": name, "arguments": values}) + "\n")
                stream.flush()
                answer = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
            if "error" in answer:
                raise MachineError(f"{command}: {answer['error']['desc']}")
