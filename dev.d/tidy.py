#!/usr/bin/env python3
"""Runs clang-tidy over files of the project: tidy.py BUILD_DIR CACHE_DIR FILE...

A file that passed is remembered, under a hash of all that the verdict depends on: its text and that of every header of the project
that it includes, its compile commands, .clang-tidy, the version of clang-tidy. Headers of the system are not in the hash: an upgrade of
one shows at the next change of a file. Findings are never remembered, so they come back until they are mended.
"""
from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = "clang-tidy-19"
KEEP_DAYS = 60  # a verdict that nobody asked for in this time is forgotten
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
DIAGNOSTIC = re.compile(r"^\S.*:\d+:\d+: (?:warning|error): ")
NOISE = re.compile(r"^(\d+ (warnings?|errors?)\b.*generated\.|Suppressed \d+ warnings|Use -header-filter=|\d+ warnings? treated as errors?)")


class Sources:
    """The project's files: their hashes, and what each includes, read once."""

    def __init__(self) -> None:
        self._read: dict[pathlib.Path, tuple[bytes, list[str]]] = {}

    def read(self, path: pathlib.Path) -> tuple[bytes, list[str]]:
        if path not in self._read:
            data = path.read_bytes()
            self._read[path] = (hashlib.sha256(data).digest(), INCLUDE.findall(data.decode(errors="replace")))
        return self._read[path]

    def with_includes(self, source: pathlib.Path, folders: list[pathlib.Path]) -> list[pathlib.Path]:
        """The file and all it includes from these folders or from beside itself, under #if or not."""
        seen = {source}
        waiting = [source]
        while waiting:
            path = waiting.pop()
            for name in self.read(path)[1]:
                for folder in [path.parent, *folders]:
                    found = pathlib.Path(os.path.normpath(folder / name))
                    if found.is_file():
                        if found not in seen:
                            seen.add(found)
                            waiting.append(found)
                        break
        return sorted(seen)


def compile_commands(build: pathlib.Path) -> dict[pathlib.Path, list[str]]:
    commands: dict[pathlib.Path, list[str]] = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        commands.setdefault(pathlib.Path(entry["file"]), []).append(entry["command"])
    return commands


def include_folders(commands: list[str]) -> list[pathlib.Path]:
    """The folders of -I and -isystem that lie in the checkout (the build folder's generated headers are there too)."""
    folders = []
    for command in commands:
        words = shlex.split(command)
        for word, following in zip(words, words[1:] + [""]):
            folder = following if word in ("-I", "-isystem") else word[2:] if word.startswith("-I") else ""
            if folder.startswith(f"{ROOT}/"):
                folders.append(pathlib.Path(folder))
    return list(dict.fromkeys(folders))


def options(source: pathlib.Path) -> list[str]:
    """Tests build their few strings and lists in the shortest way."""
    return ["--checks=-performance-inefficient-*"] if source.name.endswith("_test.cc") else []


def verdict_key(sources: Sources, source: pathlib.Path, commands: list[str], common: bytes) -> str:
    digest = hashlib.sha256(common)
    for command in sorted(commands) + options(source):
        digest.update(command.replace(str(ROOT), ".").encode() + b"\0")
    for path in sources.with_includes(source, include_folders(commands)):
        digest.update(os.path.relpath(path, ROOT).encode() + b"\0" + sources.read(path)[0])
    return digest.hexdigest()


def check(build: pathlib.Path, source: pathlib.Path) -> tuple[list[str], float]:
    """What clang-tidy finds: a text for each finding, with its notes."""
    start = time.monotonic()
    ran = subprocess.run([TOOL, "-quiet", "-p", str(build), "--warnings-as-errors=*", *options(source), str(source)],
                         cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    findings: list[str] = []
    for line in ran.stdout.splitlines():
        if NOISE.match(line):
            continue
        if DIAGNOSTIC.match(line) or not findings:
            findings.append(line)
        else:
            findings[-1] += "\n" + line
    if ran.returncode != 0 and not findings:
        findings.append(f"{source}: {TOOL} ended with {ran.returncode} and no word")
    return ([] if ran.returncode == 0 else findings), time.monotonic() - start


def forget_old(cache: pathlib.Path) -> None:
    oldest = time.time() - KEEP_DAYS * 86400
    for entry in cache.iterdir():
        if entry.stat().st_mtime < oldest:
            entry.unlink(missing_ok=True)


def main() -> int:
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    build, cache = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    files = [pathlib.Path(os.path.normpath(ROOT / name)) for name in sys.argv[3:]]
    cache.mkdir(parents=True, exist_ok=True)
    forget_old(cache)
    version = subprocess.run([TOOL, "--version"], stdout=subprocess.PIPE, check=True).stdout
    common = version + (ROOT / ".clang-tidy").read_bytes()
    commands = compile_commands(build)
    # clang-tidy would guess a command from a file with a like name, and then stumble over missing headers.
    unknown = [path for path in files if path not in commands]
    if unknown:
        print(*(f"{os.path.relpath(path, ROOT)}: no target compiles it" for path in unknown), sep="\n", file=sys.stderr)
        return 1
    sources = Sources()
    keys = {path: verdict_key(sources, path, commands[path], common) for path in files}
    todo = []
    for path in files:
        verdict = cache / keys[path]
        if verdict.exists():
            verdict.touch()
        else:
            todo.append(path)
    print(f"{len(files)} files: {len(files) - len(todo)} passed as they are, {len(todo)} to check", file=sys.stderr, flush=True)
    shown: set[str] = set()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        running = {pool.submit(check, build, path): path for path in todo}
        try:
            for number, future in enumerate(concurrent.futures.as_completed(running), 1):
                path = running[future]
                findings, seconds = future.result()
                print(f"[{number}/{len(todo)}] {os.path.relpath(path, ROOT)}: {len(findings)} findings, {seconds:.0f} s",
                      file=sys.stderr, flush=True)
                if not findings:
                    if verdict_key(Sources(), path, commands[path], common) == keys[path]:  # nobody edited it meanwhile
                        (cache / keys[path]).touch()
                    continue
                failed += 1
                for finding in findings:  # that of a header comes with each file that includes it
                    if finding not in shown:
                        shown.add(finding)
                        print(finding, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            return 130
    if failed:
        print(f"{len(shown)} findings in {failed} files", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
