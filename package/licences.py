"""The licences of all crates that a binary is linked from, as one text:

    python3 package/licences.py TARGET FEATURES

Each crate's name, version, licence, and its licence files as they lie in its package. Needs cargo,
and nothing from the network once the crates are fetched.
"""

import json
import pathlib
import subprocess
import sys

NAMES = ("licen", "copying", "notice", "unlicense")


def linked(metadata):
    """Identifiers of the crates that reach the binary: neither those of builds nor those of
    tests."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, waiting = set(), [metadata["resolve"]["root"]]
    while waiting:
        crate = waiting.pop()
        if crate in found:
            continue
        found.add(crate)
        for dependency in nodes[crate]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    target, features = sys.argv[1:]
    root = pathlib.Path(__file__).resolve().parent.parent
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    command += ["--no-default-features", "--features", features, "--manifest-path", root / "Cargo.toml"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    used = linked(metadata)
    crates = [crate for crate in metadata["packages"] if crate["id"] in used and crate["source"]]
    for crate in sorted(crates, key=lambda crate: (crate["name"], crate["version"])):
        print(f"{'=' * 78}\n{crate['name']} {crate['version']}: {crate['license'] or 'see below'}")
        folder = pathlib.Path(crate["manifest_path"]).parent
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.name.lower().startswith(NAMES):
                print(f"\n--- {path.name}\n\n{path.read_text(errors='replace').strip()}")
        print()


if __name__ == "__main__":
    main()
