#!/usr/bin/env python3
"""Checks that includes point down only, that each header has #pragma once, and that Boost stays inside lib/net.

The floors are those of docs/architecture.md. A folder may include its own headers and those of lower floors; folders of one floor
do not include each other, except where SAME_FLOOR says so and why.
"""
import pathlib
import re
import subprocess
import sys

FLOORS = {
    "base": 1,
    "bhttp": 2, "crypto": 2, "wire": 2, "tpmwire": 2, "config": 2,
    "sealed": 3, "evidence": 3,
    "net": 4, "tpm": 4, "engine": 4, "process": 4, "sandbox": 4, "inspect": 4,
    "node": 5, "attest": 5, "verify": 5,
}
PROGRAMS = 6
# (from, to): a lower neighbour on the same floor that may be used.
SAME_FLOOR = {
    ("engine", "net"): "the http engine speaks HTTP to a server on loopback",
    ("sandbox", "process"): "descriptors, users and limits are there already",
}
# Folders whose .cc files may use Asio; in headers it appears only in lib/net.
ASIO_SOURCES = ("lib/net/", "server-1/", "server-2/router_com/", "bench/", "client/")


def owner(path):
    parts = pathlib.PurePath(path).parts
    if parts[0] == "lib":
        return parts[1]
    return None


def main():
    files = subprocess.run(["git", "ls-files", "*.h", "*.cc"], capture_output=True, text=True, check=True).stdout.split()
    problems = []
    for name in files:
        text = pathlib.Path(name).read_text()
        folder = owner(name)
        if folder is not None and folder not in FLOORS:
            problems.append(f"{name}: lib/{folder} has no floor in {__file__}")
            continue
        floor = FLOORS[folder] if folder else PROGRAMS
        is_test = name.endswith(("_test.cc", "_fuzz.cc"))
        if name.endswith(".h") and "#pragma once" not in text:
            problems.append(f"{name}: no #pragma once")
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
            if not match:
                continue
            include = match.group(1)
            where = f"{name}:{number}: {include}"
            if re.match(r"boost/", include) and name != "lib/net/asio.h" and not (name.startswith("lib/net/") and name.endswith(".cc")):
                problems.append(f"{where}: Boost stays inside lib/net, behind net/asio.h")
            if include == "net/asio.h" and (not name.startswith(ASIO_SOURCES) or (name.endswith(".h") and not name.startswith("lib/net/"))):
                problems.append(f"{where}: net/asio.h is for lib/net's headers and for sources above it")
            top = include.split("/")[0]
            if '"' not in line or top not in FLOORS or "/" not in include:
                continue
            if top == folder:
                continue
            if FLOORS[top] < floor or (folder, top) in SAME_FLOOR:
                continue
            if is_test and FLOORS[top] <= floor:
                continue
            problems.append(f"{where}: floor {FLOORS[top]} from floor {floor}; includes point down only")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
