#!/usr/bin/env python3
"""Prints the seed corpus folders of one fuzz target, as its ctest entry names them: fuzz_corpus.py BUILD_DIR TARGET."""
import json
import subprocess
import sys

build, target = sys.argv[1:]
listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True).stdout
for test in json.loads(listing)["tests"]:
    if test["name"] == target:
        print(*[argument for argument in test["command"][1:] if not argument.startswith("-")])
