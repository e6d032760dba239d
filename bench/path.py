#!/usr/bin/env python3
"""What the private path adds to a plain call: starts a stack with the noop engine and runs path_probe against it."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "dev.d"))
from stack import DEV_SECRET, Stack  # noqa: E402

BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", ROOT / "build" / "bench" / "bin"))

with tempfile.TemporaryDirectory(prefix="openpcc-bench-") as run:
    with Stack(BIN, run, engine="noop", model="bench:noop") as stack:
        stack.start()
        requests = sys.argv[1] if len(sys.argv) > 1 else "300"
        sys.exit(subprocess.run([BIN / "path_probe", stack.router_url, stack.model, DEV_SECRET, requests], check=False).returncode)
