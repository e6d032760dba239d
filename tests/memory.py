"""Looks for bytes where a request could have left them: the memory of processes, core files, files on disk."""
from __future__ import annotations

import os
import pathlib
import re
import subprocess
import tempfile

PIECE = 64 << 20
MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) r\S* \S+ \S+ \S+\s*(.*)$")


class Search:
    """needles: name -> the bytes. Each method returns {(where, name)} of what was found."""

    def __init__(self, needles: dict[str, bytes]):
        short = [name for name, needle in needles.items() if len(needle) < 12]
        assert not short, f"too short to be found by nothing but chance: {short}"
        self.needles = needles
        self.overlap = max(map(len, needles.values())) - 1
        self.searched = 0  # bytes

    def stream(self, where: str, read) -> set[tuple[str, str]]:
        """read(size) -> the next bytes, none at the end."""
        found, tail = set(), b""
        while piece := read(PIECE):
            self.searched += len(piece)
            window = tail + piece
            found |= {(where, name) for name, needle in self.needles.items() if needle in window}
            tail = window[-self.overlap:]
        return found

    def process(self, pid: int, where: str) -> set[tuple[str, str]]:
        """All readable memory of a process; it takes root for a locked-down one."""
        found, before = set(), self.searched
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for line in maps.splitlines():
                match = MAPPING.match(line)
                if not match or match[3] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                    continue
                at, end = int(match[1], 16), int(match[2], 16)
                memory.seek(at)
                left = end - at

                def read(size):
                    nonlocal left
                    try:
                        piece = memory.read(min(size, left))
                    except OSError:  # a mapping beyond the end of its file
                        return b""
                    left -= len(piece)
                    return piece

                found |= self.stream(where, read)
        assert self.searched - before > 1 << 20, f"{where}: next to nothing could be read"
        return found

    def core(self, pid: int, where: str) -> set[tuple[str, str]]:
        """What root's gcore writes of a process."""
        with tempfile.TemporaryDirectory(prefix="openpcc-core-") as folder:
            done = subprocess.run(["gcore", "-a", "-o", f"{folder}/core", str(pid)], capture_output=True, text=True, check=False)
            files = list(pathlib.Path(folder).iterdir())
            assert files, f"gcore {pid}: {done.stdout}{done.stderr}"
            with open(files[0], "rb", buffering=0) as file:
                return self.stream(where, file.read)

    def files(self, folders, since: float) -> set[tuple[str, str]]:
        """Every file under the folders that was written since then."""
        found = set()
        for folder in folders:
            for root, _, names in os.walk(folder):
                for name in names:
                    path = pathlib.Path(root) / name
                    try:
                        if path.is_symlink() or not path.is_file() or path.stat().st_mtime < since:
                            continue
                        with open(path, "rb", buffering=0) as file:
                            found |= self.stream(str(path), file.read)
                    except OSError:
                        continue  # gone, or not for us
        return found
