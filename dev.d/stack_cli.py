#!/usr/bin/env python3
"""The commands behind `./dev up|down|status|demo`: see stack.py for what a stack is."""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

from stack import NODE_PORT, ROUTER_PORT, Stack, StackError

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = ROOT / "build" / "run"
STATE = RUN / "state.json"  # the supervisor's process id and what it runs, while it runs
COLOUR = sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def say(text: str) -> None:
    print(f"\033[1m==>\033[0m {text}" if COLOUR else f"==> {text}", file=sys.stderr, flush=True)


def fail(text: str) -> int:
    print(f"\033[31merror:\033[0m {text}" if COLOUR else f"error: {text}", file=sys.stderr, flush=True)
    return 1


def running() -> dict | None:
    """The state of a supervisor that is alive, else None."""
    try:
        state = json.loads(STATE.read_text())
        with open(f"/proc/{state['pid']}/cmdline", "rb") as f:
            return state if b"stack_cli.py" in f.read() else None
    except (OSError, ValueError, KeyError):
        return None


def raise_on_signals() -> None:
    def handler(number, _frame):
        raise KeyboardInterrupt(signal.Signals(number).name)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def make_stack(options, run, log) -> Stack:
    return Stack(ROOT / "build" / "bin", run, engine=options.engine, model=options.model_name, model_path=options.model,
                 router_port=options.router_port, node_port=options.node_port, log=log)


def supervise(options, ready_fd: int) -> None:
    """Runs in a session of its own: starts the stack, says so on ready_fd, and watches until told to stop or a part dies."""
    raise_on_signals()
    ready = os.fdopen(ready_fd, "w")

    def tell(kind, text):
        print(json.dumps([kind, text]), file=ready, flush=True)

    try:
        with make_stack(options, RUN, lambda text: tell("log", text)) as stack:
            stack.start()
            settings = "".join(f"export {k}={shlex.quote(v)}\n" for k, v in stack.client_settings().items())
            (RUN / "env").write_text(settings + f'export PATH={shlex.quote(str(ROOT / "build" / "bin"))}:"$PATH"\n')
            STATE.write_text(json.dumps({
                "pid": os.getpid(), "router": stack.router_url, "node": f"http://127.0.0.1:{stack.node_port}",
                "model": stack.model, "engine": stack.engine,
                "parts": {name: child.pid for name, child in stack.children.items()}}))
            tell("ready", "")
            ready.close()
            while True:
                time.sleep(0.5)
                stack.check()
    except KeyboardInterrupt:
        pass
    except StackError as error:
        if ready.closed:
            with open(RUN / "logs" / "stack.log", "a", encoding="utf-8") as log:
                print(f"{time.strftime('%F %T')} stopped everything: {error}", file=log)
        else:
            tell("error", str(error))
    finally:
        STATE.unlink(missing_ok=True)
        (RUN / "env").unlink(missing_ok=True)


def up(options) -> int:
    if state := running():
        return fail(f"a stack is running already (router {state['router']}); ./dev down stops it")
    RUN.mkdir(parents=True, exist_ok=True)
    (RUN / "logs").mkdir(exist_ok=True)
    for old in (RUN / "logs").glob("*.log"):
        old.unlink()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(read_end)
        null = os.open(os.devnull, os.O_RDWR)
        log = os.open(RUN / "logs" / "stack.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        try:
            supervise(options, write_end)
        finally:
            os._exit(0)
    os.close(write_end)
    raise_on_signals()
    try:
        with os.fdopen(read_end) as reports:
            for line in reports:
                kind, text = json.loads(line)
                if kind == "log":
                    say(text)
                elif kind == "error":
                    os.waitpid(child, 0)
                    return fail(text)
                elif kind == "ready":
                    status()
                    return 0
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        return fail("interrupted; nothing is left running")
    os.waitpid(child, 0)
    return fail(f"the stack ended before it was ready; see {RUN / 'logs' / 'stack.log'}")


def status(*_) -> int:
    state = running()
    if state is None:
        print("no stack is running", file=sys.stderr)
        log = RUN / "logs" / "stack.log"
        if log.exists() and (words := log.read_text().strip()):
            print(f"the last one: {words.splitlines()[-1] if len(words.splitlines()) == 1 else words}", file=sys.stderr)
        return 1
    print(f"router   {state['router']}\nnode     {state['node']}   model {state['model']}, engine {state['engine']}\n"
          f"logs     {RUN / 'logs'}\nparts    " + ", ".join(f"{n} (pid {p})" for n, p in state["parts"].items()) + "\n\n"
          f"use it:  . build/run/env && pcc ask 'Why is the sky blue?'\nstop it: ./dev down", file=sys.stderr)
    return 0


def down(*_) -> int:
    state = running()
    if state is None:
        say("no stack is running")
        return 0
    os.kill(state["pid"], signal.SIGTERM)
    for _ in range(600):
        if running() is None:
            say("stopped")
            return 0
        time.sleep(0.1)
    return fail(f"the stack (process {state['pid']}) does not stop; kill it with: kill -9 {state['pid']}")


def demo(options) -> int:
    raise_on_signals()
    if options.keep:
        code = up(options)
        if code != 0:
            return code
        state = running()
        assert state is not None
        stack = Stack(ROOT / "build" / "bin", RUN, engine=options.engine, model=options.model_name,
                      router_port=int(state["router"].rsplit(":", 1)[1]))
        code = ask(options, stack)
        say("the stack is still running: . build/run/env uses it, ./dev down stops it")
        return code
    run = ROOT / "build" / "demo-run"
    try:
        with make_stack(options, run, say) as stack:
            stack.start()
            code = ask(options, stack)
            stack.check()
            say("stopping everything")
        return code
    except StackError as error:
        return fail(f"{error}\n  nothing is left running")
    except KeyboardInterrupt:
        print(file=sys.stderr)  # an answer may have stopped in mid-line
        return fail("interrupted; nothing is left running")


def ask(options, stack: Stack) -> int:
    say(f"pcc ask {shlex.quote(options.prompt)}")
    print(file=sys.stderr)
    # A small model wanders off at the usual temperature of 1.
    argv = [ROOT / "build" / "bin" / "pcc", "ask", "--show-path", "--temperature", "0.2", "--max-tokens", "200", options.prompt]
    code = subprocess.run(argv, env=stack.client_env(), check=False).returncode
    print(file=sys.stderr)
    return code


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "demo"):
        command = commands.add_parser(name)
        command.add_argument("--engine", choices=["embedded", "noop"], default="embedded")
        command.add_argument("--model", metavar="FILE.gguf", help="the model file")
        command.add_argument("--model-name", metavar="NAME", help="what requests call it (default: the file's name)")
        command.add_argument("--router-port", type=int, default=ROUTER_PORT if name == "up" else None)
        command.add_argument("--node-port", type=int, default=NODE_PORT if name == "up" else None)
    commands.choices["demo"].add_argument("--prompt", default="Explain in two sentences why the sky is blue.")
    commands.choices["demo"].add_argument("--keep", action="store_true", help="leave the stack running")
    commands.add_parser("down")
    commands.add_parser("status")
    options = parser.parse_args()
    if "model" in options and options.model_name is None:
        options.model_name = pathlib.Path(options.model).stem.lower() if options.model else "noop"
    return {"up": up, "down": down, "status": status, "demo": demo}[options.command](options)


if __name__ == "__main__":
    sys.exit(main())
