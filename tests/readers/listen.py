"""Reads what `--publish` sends, with nothing of wingmark's:

    listen.py opentrack|openseeface|udp PORT [COUNT]

Prints a line a datagram, and ends after COUNT of them.
"""
import argparse
import json
import os
import socket
import struct
import sys

# emilianavt/OpenSeeFace, facetracker.py, in the order of its calls to struct.pack; one record a
# face.
OPENSEEFACE = struct.Struct("<d i 2f 2f B f 4f 3f 3f 68f 136f 210f 14f")


def opentrack(data):
    assert len(data) == 48, f"{len(data)} bytes; expected 48"
    x, y, z, yaw, pitch, roll = struct.unpack("<6d", data)
    return f"x {x:.1f} y {y:.1f} z {z:.1f} cm, yaw {yaw:.1f} pitch {pitch:.1f} roll {roll:.1f} degrees"


def openseeface(data):
    assert len(data) % OPENSEEFACE.size == 0 and OPENSEEFACE.size == 1785, f"{len(data)} bytes"
    lines = []
    for fields in OPENSEEFACE.iter_unpack(data):
        face, width, height, right, left, success = fields[1:7]
        euler, place = fields[12:15], fields[15:18]
        # As Unity/OpenSee.cs has it: what it takes for zero, and where its axes are.
        turn = (-(euler[0] + 180) % 360, -euler[1], (euler[2] - 90) % 360)
        at = (-place[1], place[0], -place[2])
        points = fields[18 + 68 : 18 + 68 + 136]
        inside = sum(0 <= x < width and 0 <= y < height for x, y in zip(points[::2], points[1::2]))
        lines.append(
            f"face {face} of {width:.0f}x{height:.0f}, eyes {right:.2f} {left:.2f}, success {success}, "
            f"turn {[round(t, 1) for t in turn]}, place {[round(a, 2) for a in at]}, {inside} points inside"
        )
    return "; ".join(lines)


def udp(data):
    assert len(data) <= 1400, f"{len(data)} bytes"
    seen = json.loads(data)
    return f"{len(data)} bytes, schema {seen['schema']}, face {seen['id']}, pose {seen.get('pose')}"


def main():
    readers = {"opentrack": opentrack, "openseeface": openseeface, "udp": udp}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=readers)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int, nargs="?", help="of datagrams; without it, until Ctrl-C")
    arguments = parser.parse_args()
    if not 0 < arguments.port < 65536:
        parser.error(f"{arguments.port} is no port; expected 1 to 65535")
    # Who sends may be a board.
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.bind(("", arguments.port))
    except OSError as error:
        sys.exit(f"cannot listen at port {arguments.port}: {error.strerror}; close the program that listens there")
    read, left = readers[arguments.protocol], arguments.count
    while left is None or left > 0:
        data = listener.recv(65535)
        try:
            said = read(data)
        except (AssertionError, ValueError, KeyError) as error:
            sys.exit(f"this is not {arguments.protocol}: {len(data)} bytes, {error}")
        print(said, flush=True)
        left = left and left - 1


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:  # Who read the lines has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
