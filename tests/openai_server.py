#!/usr/bin/env python3
"""llama.cpp's own server, as the package xllamacpp ships it: openai_server.py MODEL.gguf PORT. Listens on loopback until it is ended."""
from __future__ import annotations

import os
import sys
import threading

sys.path.insert(0, os.environ["OPENPCC_OPENAI_SERVER"])
import xllamacpp  # noqa: E402

CONTEXT = 512  # tokens of one conversation


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.port = int(sys.argv[2])
    params.hostnames = ["127.0.0.1"]
    params.ui = False
    params.n_parallel = 2
    params.n_ctx = 2 * CONTEXT
    params.cpuparams.n_threads = os.cpu_count()
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
