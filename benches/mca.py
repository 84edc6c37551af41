"""What llvm-mca expects of the kernels, for machines that are not there. Needs objdump (binutils)
and llvm-mca (llvm).

    cargo bench -p wingmark-kernel-benches --no-run          # or any other program with the kernels, not stripped
    python benches/mca.py loops PROGRAM [--cpu icelake-server] [--kernel avx512vnni]

For each innermost loop over dot products: how many (`vpdpbusd`), the cycles of one round when all
data are in the first cache, and the fewest that so many dot products take on two ports.

    tests/arm/count.sh --blocks small smull cortex-a72 >blocks
    python benches/mca.py frame PROGRAM blocks [--cpus cortex-a53,cortex-a57,cortex-a72] [--ghz 1.5]

The cycles of a whole frame on AArch64: each block of instructions that ran in it, times how often,
as llvm-mca has them one after the other with all data in the first cache. Blocks of a function are
summed. PROGRAM is the one that was counted.
"""

import argparse
import bisect
import collections
import concurrent.futures
import re
import subprocess

# Where qemu-user puts a program that may lie anywhere.
QEMU_BASE = 0x5500000000


def disassemble(program, objdump):
    """The program's instructions as {address: (function, text)}."""
    command = [objdump, "--disassemble", "--no-show-raw-insn", program]
    found, inside = {}, None
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        if symbol := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            inside = symbol[1]
        elif instruction := re.match(r" *([0-9a-f]+):\s+(.*)", line):
            text = re.sub(r"\s*(<|#(?!-?\w)|//).*", "", instruction[2]).replace("\t", " ")
            found[int(instruction[1], 16)] = (inside, text)
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


def cycles(body, cpu, machine=(), rounds=200):
    """Cycles of one round; None where llvm-mca does not know an instruction."""
    to_itself = [re.sub(r"^((?:j|b|cb|tb|adr)[\w.]* (?:.*, )?)[0-9a-f]{2,}$", r"\1.L", text) for text in body]
    source = ".L:\n" + "\n".join(to_itself) + "\n"
    command = ["llvm-mca", *machine, f"-mcpu={cpu}", f"-iterations={rounds}"]
    report = subprocess.run(command, input=source, capture_output=True, text=True).stdout
    total = re.search(r"Total Cycles:\s+(\d+)", report)
    return int(total[1]) / rounds if total else None


def loops(arguments):
    functions = collections.defaultdict(list)
    module = f"6kernel{len(arguments.kernel)}{arguments.kernel}"
    for address, (function, text) in disassemble(arguments.program, "objdump").items():
        if function and module in function:
            functions[function].append((address, text))
    print("dot products  instructions  cycles  at least")
    for instructions in functions.values():
        for body in innermost_loops(instructions):
            products = sum("vpdpbusd" in text for text in body)
            print(f"{products:12}  {len(body):12}  {cycles(body, arguments.cpu) or 0:6.1f}  {products / 2:8.1f}")


def short_name(function):
    """`kernel::smull::convolve` of a mangled name."""
    parts, rest = [], re.sub(r"^_ZN", "", function or "?")
    while length := re.match(r"\d+", rest):
        end = length.end() + int(length[0])
        parts.append(rest[length.end() : end])
        rest = rest[end:]
    parts = [part for part in parts if not re.fullmatch(r"h[0-9a-f]{16}", part)]
    implemented = re.match(r"_\$LT\$(.*?)\$u20\$as", parts[0]) if parts else None
    if implemented:
        parts[0] = implemented[1].replace("..", "::")
    return "::".join(parts).removeprefix("wingmark_kernels::") or function


def frame(arguments):
    cpus = arguments.cpus.split(",")
    code = disassemble(arguments.program, "aarch64-linux-gnu-objdump")
    addresses = sorted(code)
    work = []
    for line in open(arguments.blocks):
        address, instructions, times = (int(field, base) for field, base in zip(line.split(), (16, 10, 10)))
        first = bisect.bisect_left(addresses, address - QEMU_BASE)
        body = addresses[first : first + instructions]
        if body and body[0] == address - QEMU_BASE:
            work.append((code[body[0]][0], tuple(code[at][1] for at in body), times))
    texts = sorted({body for _, body, _ in work})
    with concurrent.futures.ThreadPoolExecutor() as several:
        tasks = [(body, cpu) for body in texts for cpu in cpus]
        expected = dict(zip(tasks, several.map(lambda task: cycles(*task, ["-mtriple=aarch64"], 40), tasks)))
    sums = collections.defaultdict(lambda: [0] * (1 + len(cpus)))
    unknown = 0
    for function, body, times in work:
        sums[function][0] += len(body) * times
        for i, cpu in enumerate(cpus):
            found = expected[body, cpu]
            unknown += found is None
            sums[function][1 + i] += (len(body) if found is None else found) * times
    rows = sorted(sums.items(), key=lambda row: -row[1][0])
    total = [sum(column) for column in zip(*sums.values())]
    print(f"{'':48}  instructions  " + "  ".join(f"{cpu:>13}" for cpu in cpus))
    for function, columns in rows:
        if columns[0] > total[0] / 200:
            print(f"{short_name(function)[-48:]:48}  {columns[0]:12,}  " + "  ".join(f"{x:13,.0f}" for x in columns[1:]))
    print(f"{'all':48}  {total[0]:12,}  " + "  ".join(f"{x:13,.0f}" for x in total[1:]))
    milliseconds = [f"{x / arguments.ghz / 1e6:10.1f} ms" for x in total[1:]]
    print(f"{f'at {arguments.ghz} GHz':48}  {'':12}  " + "  ".join(milliseconds))
    if unknown:
        print(f"{unknown} blocks that llvm-mca cannot read count one cycle an instruction")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    of_loops = commands.add_parser("loops")
    of_loops.add_argument("program")
    of_loops.add_argument("--cpu", default="icelake-server")
    of_loops.add_argument("--kernel", default="avx512vnni")
    of_loops.set_defaults(run=loops)
    of_frame = commands.add_parser("frame")
    of_frame.add_argument("program")
    of_frame.add_argument("blocks")
    of_frame.add_argument("--cpus", default="cortex-a53,cortex-a57,cortex-a72")
    of_frame.add_argument("--ghz", type=float, default=1.5)
    of_frame.set_defaults(run=frame)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
