"""What llvm-mca expects of the loops over dot products, for machines that are not there.

    cargo bench -p wingmark-kernel-benches --no-run          # or any other program with the kernels, not stripped
    python benches/mca.py PROGRAM [--cpu icelake-server] [--kernel avx512vnni]

Needs objdump (binutils) and llvm-mca (llvm). For each innermost loop it prints its dot products (`vpdpbusd`), the cycles of one round
when all data are in the first cache, and the fewest that so many dot products take on two ports.
"""

import argparse
import re
import subprocess


def functions_of(program, kernel):
    """Instructions of each function whose symbol has the kernel's module in its name, as (address, text)."""
    command = ["objdump", "--disassemble", "--no-show-raw-insn", program]
    found, inside = {}, None
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        if symbol := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            inside = symbol[1] if f"6kernel{len(kernel)}{kernel}" in symbol[1] else None
        elif inside and (instruction := re.match(r" *([0-9a-f]+):\s+(.*)", line)):
            text = re.sub(r"\s*[#<].*", "", instruction[2])
            found.setdefault(inside, []).append((int(instruction[1], 16), text))
    return found


def innermost_loops(instructions):
    """The bodies of loops with dot products in which no other loop lies."""
    index = {address: i for i, (address, _) in enumerate(instructions)}
    loops = []
    for last, (address, text) in enumerate(instructions):
        target = re.match(r"j\w+\s+([0-9a-f]+)", text)
        if target and index.get(int(target[1], 16), last) < last:
            loops.append((index[int(target[1], 16)], last))
    for first, last in loops:
        body = [text for _, text in instructions[first : last + 1]]
        holds_another = any(first <= a and b <= last and (a, b) != (first, last) for a, b in loops)
        if not holds_another and any("vpdpbusd" in text for text in body):
            yield body


def cycles(body, cpu):
    rounds = 200
    source = ".L:\n" + "\n".join(re.sub(r"^(j\w+)\s.*", r"\1 .L", text) for text in body) + "\n"
    command = ["llvm-mca", f"-mcpu={cpu}", f"-iterations={rounds}"]
    report = subprocess.run(command, check=True, input=source, capture_output=True, text=True).stdout
    return int(re.search(r"Total Cycles:\s+(\d+)", report)[1]) / rounds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cpu", default="icelake-server")
    parser.add_argument("--kernel", default="avx512vnni")
    arguments = parser.parse_args()
    print("dot products  instructions  cycles  at least")
    for instructions in functions_of(arguments.program, arguments.kernel).values():
        for body in innermost_loops(instructions):
            products = sum("vpdpbusd" in text for text in body)
            print(f"{products:12}  {len(body):12}  {cycles(body, arguments.cpu):6.1f}  {products / 2:8.1f}")


if __name__ == "__main__":
    main()
