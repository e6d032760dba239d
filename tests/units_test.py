#!/usr/bin/env python3
"""The systemd units against the code and the configurations they are for, and systemd's own opinion of them.

A unit is read here as what it is, a list of settings; nothing is started. What needs systemd-analyze says so where there is none.
"""
from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("OPENPCC_BIN", ROOT / "build/bin")).resolve()
WORKER, ROUTER_COM, BOOT, BROKER = "compute_worker", "router_com", "compute_boot", "tpm_broker"

# What each unit has its own way of; all else in [Service] one unit has, all have.
OWN = {"Type", "RemainAfterExit", "User", "Environment", "EnvironmentFile", "ExecStart", "ExecStop", "RuntimeDirectory", "WatchdogSec",
       "DeviceAllow", "LimitNOFILE", "TasksMax", "OOMScoreAdjust"}
LACKS = {
    (BOOT, "PrivateDevices"): "its /dev would have no TPM; DevicePolicy and DeviceAllow stand instead",
    (BROKER, "PrivateDevices"): "its /dev would have no TPM; DevicePolicy and DeviceAllow stand instead",
    (ROUTER_COM, "IPAddressDeny"): "it serves the network",
    ("openpcc-router", "IPAddressDeny"): "it serves the network",
    **{(name, key): "it cannot be root, and names of hosts may be resolved over sockets in /run"
       for name in (ROUTER_COM, "openpcc-router") for key in ("TemporaryFileSystem", "BindReadOnlyPaths")},
}
EVERYWHERE = {
    "NoNewPrivileges": "yes", "LimitCORE": "0", "MemorySwapMax": "0", "UMask": "0077", "ProtectSystem": "strict", "ProtectHome": "yes",
    "PrivateTmp": "yes", "DevicePolicy": "closed", "ProtectKernelTunables": "yes", "ProtectKernelModules": "yes", "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes", "ProtectClock": "yes", "ProtectHostname": "yes", "ProtectProc": "invisible", "ProcSubset": "pid",
    "RestrictRealtime": "yes", "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native", "KillMode": "mixed",
}
# Tenths of systemd's exposure: 0 is least. What keeps the worker and the broker above the others is that they start as root.
MAX_EXPOSURE = {WORKER: 21, BROKER: 21, BOOT: 15, ROUTER_COM: 15, "openpcc-router": 15}


def seconds(text: str) -> float:
    """systemd's and our own notation: 45, 30s, 18min, 20m, 1h."""
    number, unit = re.fullmatch(r"([0-9.]+)\s*([a-z]*)", text.strip()).groups()
    return float(number) * {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}[unit]


class Unit:
    def __init__(self, path: pathlib.Path):
        self.path, self.name = path, path.stem
        self.settings: dict[str, dict[str, list[str]]] = {}
        section = ""
        for line in path.read_text().splitlines():
            if match := re.fullmatch(r"\[(\w+)\]", line):
                section = match.group(1)
            elif line and line[0] not in "#;":
                key, value = line.split("=", 1)
                self.settings.setdefault(section, {}).setdefault(key, []).append(value)
        self.service, self.unit = self.settings["Service"], self.settings["Unit"]
        self.environment = dict(entry.split("=", 1) for entry in self.service.get("Environment", []))

    def get(self, key: str, default: str = "") -> str:
        return self.service.get(key, [default])[-1]

    def words(self, key: str) -> set[str]:
        return set(" ".join(self.service.get(key, [])).split())

    def units(self, key: str) -> set[str]:
        return {word.removesuffix(".service") for word in " ".join(self.unit.get(key, [])).split() if word.endswith(".service")}

    @property
    def program(self) -> str:
        return pathlib.Path(self.get("ExecStart").split()[0]).name

    @property
    def config(self) -> pathlib.Path:
        """The namesake in the repository of the file that --config names."""
        name = re.search(r"--config (\S+)", self.get("ExecStart")).group(1)
        return self.path.parent.parent / "config" / pathlib.Path(name).name

    @property
    def variables(self) -> dict[str, str]:
        """Of the configuration: variable and default."""
        text = "\n".join(line.split("#")[0] for line in self.config.read_text().splitlines())
        return dict(re.findall(r"\$\{(\w+)(?::-([^}]*))?\}", text))

    @property
    def source(self) -> str:
        folder = {"openpcc-router": "server-1", WORKER: "server-2/worker", BROKER: "server-2/broker"}.get(self.name, f"server-2/{self.name}")
        return (ROOT / folder / "main.cc").read_text()


UNITS = {path.stem: Unit(path) for path in sorted(ROOT.glob("server-*/systemd/*.service"))}
NODE = {name: UNITS[name] for name in (WORKER, ROUTER_COM, BOOT, BROKER)}


def users() -> dict[str, str]:
    """Those that sysusers.d makes, with the id field, which may name their group."""
    lines = [line.split() for path in ROOT.glob("server-*/systemd/sysusers.d/*.conf") for line in path.read_text().splitlines()]
    return {words[1]: words[2] for words in lines if words and words[0] == "u"}


class UnitsTest(unittest.TestCase):
    def each(self):
        for unit in UNITS.values():
            with self.subTest(unit=unit.name):
                yield unit

    def test_each_server_program_has_a_unit(self):
        declared = set()
        for path in ROOT.glob("server-*/**/CMakeLists.txt"):
            declared |= set(re.findall(r"openpcc_add_program\(([\w-]+)", path.read_text()))
        self.assertEqual({unit.program for unit in UNITS.values()}, declared)

    def test_programs_and_configurations_exist(self):
        for unit in self.each():
            self.assertTrue(os.access(BIN / unit.program, os.X_OK), BIN / unit.program)
            self.assertTrue(unit.config.is_file(), unit.config)
            self.assertEqual(unit.get("ExecStart").split()[0], f"/usr/local/bin/{unit.program}")

    def test_hardening_is_the_same_everywhere(self):
        every = set().union(*(unit.service for unit in UNITS.values())) - OWN
        for unit in self.each():
            lacking = every - set(unit.service)
            self.assertEqual(lacking, {key for name, key in LACKS if name == unit.name})
            for key, value in EVERYWHERE.items():
                self.assertEqual(unit.service.get(key), [value], key)

    def test_no_setting_stands_twice_where_the_last_one_wins(self):
        for unit in self.each():
            twice = {key for key, values in unit.service.items() if len(values) > 1}
            self.assertLessEqual(twice, {"Environment", "SystemCallFilter"})

    def test_capabilities_are_those_the_code_uses_and_no_others(self):
        for unit in self.each():
            code, needed = unit.source, set()
            drops = re.search(r"become(_configured|_keeping)?\(", code) is not None
            if unit.get("User"):
                self.assertTrue(drops, "it would take another user by itself, so it need not start as root")
            elif drops:
                needed |= {"CAP_SETUID", "CAP_SETGID"} | set(re.findall(r"\bCAP_\w+", code))
                if "listen_unix(" in code:
                    needed.add("CAP_CHOWN")  # the socket is another user's
                if "isolate_network(" in code:
                    needed.add("CAP_SYS_ADMIN")
            else:
                needed.add("CAP_DAC_OVERRIDE")  # compute_boot: sockets of other users
            self.assertEqual(unit.words("CapabilityBoundingSet"), needed)
            self.assertNotIn("AmbientCapabilities", unit.service)
            makes_network = "isolate_network(" in code or "own_network" in code
            self.assertEqual(unit.get("RestrictNamespaces"), "net" if makes_network else "yes")

    def test_system_calls_that_the_code_uses_are_allowed(self):
        for unit in self.each():
            filters = unit.service["SystemCallFilter"]
            allowed = set(" ".join(f for f in filters if f[0] != "~").split())
            denied = set(" ".join(f[1:] for f in filters if f[0] == "~").split())
            self.assertIn("@system-service", allowed)
            self.assertEqual("@privileged" in denied, "CAP_SETUID" not in unit.words("CapabilityBoundingSet"))
            self.assertNotIn("@memlock", denied)  # keys are locked
        sandbox = "".join(path.read_text() for path in (ROOT / "lib/sandbox").glob("*.cc") if not path.stem.endswith("_test"))
        calls = set(re.findall(r'system_failure\("(landlock_\w+|seccomp)"\)', sandbox))
        self.assertEqual(len(calls), 3)
        self.assertEqual({word for word in NODE[WORKER].service["SystemCallFilter"][0].split() if word[0] != "@"}, calls)

    def test_children_of_the_worker_go_first_when_memory_runs_out(self):
        for name in (WORKER, ROUTER_COM, BROKER):
            self.assertEqual(NODE[name].get("OOMScoreAdjust"), "-500", name)

    def test_all_children_may_have_their_threads(self):
        code = (ROOT / "server-2/worker/config.cc").read_text()
        spare = int(re.search(r"kSpareThreads = (\d+)", code).group(1))
        text = NODE[WORKER].config.read_text()
        children = sum(int(re.search(rf"^{key}: (\d+)", text, re.MULTILINE).group(1)) for key in ("max_workers", "pool_size")) + 1
        self.assertEqual(int(NODE[WORKER].get("TasksMax")), children * (256 + spare) + 1)

    def test_readiness_and_watchdog(self):
        for unit in self.each():
            if "notify_ready()" in unit.source:
                self.assertEqual(unit.get("Type"), "notify")
                self.assertEqual(unit.get("WatchdogSec"), "30")
            else:
                self.assertEqual((unit.get("Type"), unit.get("RemainAfterExit")), ("oneshot", "yes"))

    def test_stopping_may_take_as_long_as_the_configuration_says(self):
        for unit in self.each():
            if limit := re.search(r"shutdown_timeout: (\S+)", unit.config.read_text()):
                self.assertGreater(seconds(unit.get("TimeoutStopSec")), seconds(limit.group(1)) + 3)
        self.assertGreater(seconds(NODE[BROKER].get("TimeoutStopSec")), seconds(NODE[ROUTER_COM].get("TimeoutStopSec")))

    def test_starting_may_take_as_long_as_the_configuration_says(self):
        evidence = seconds(NODE[ROUTER_COM].environment["EVIDENCE_TIMEOUT"])
        self.assertGreater(evidence, seconds(NODE[BOOT].get("TimeoutStartSec")))
        minutes = re.search(r"kWorkerLimit = std::chrono::minutes\((\d+)\)", NODE[ROUTER_COM].source).group(1)
        self.assertGreater(seconds(NODE[ROUTER_COM].get("TimeoutStartSec")), evidence + 60 * int(minutes))
        ready = re.search(r"ready_timeout: (\S+)", NODE[BOOT].config.read_text()).group(1)
        self.assertGreater(seconds(NODE[BOOT].get("TimeoutStartSec")), seconds(ready))

    def test_order(self):
        worker, router_com, boot, broker = (NODE[name] for name in (WORKER, ROUTER_COM, BOOT, BROKER))
        # The chain down.
        self.assertEqual([unit.units("Wants") for unit in (worker, router_com, boot, broker)], [{ROUTER_COM}, {BOOT}, {BROKER}, set()])
        self.assertEqual([name for name, unit in NODE.items() if "Install" in unit.settings], [WORKER])
        # The chain up.
        self.assertEqual([unit.units("BindsTo") for unit in (router_com, boot)], [{WORKER}, {WORKER, ROUTER_COM}])
        self.assertEqual(broker.units("Requires"), {BOOT})
        # router_com is ready once the evidence is there: nothing that brings the evidence may wait for it.
        self.assertIn("receive_evidence", router_com.source.split("notify_ready()")[0])
        self.assertEqual([unit.units("After") for unit in (worker, router_com, boot, broker)], [set(), {WORKER}, {WORKER}, {BOOT}])
        for unit in NODE.values():
            self.assertFalse(unit.units("Before"))

    def test_users_exist_and_differ(self):
        made = users()
        for unit in self.each():
            if run_as := re.search(r'^run_as: "?\$\{(\w+)', unit.config.read_text(), re.MULTILINE):
                user = unit.environment.get(run_as.group(1))
                self.assertIn(user, made)  # an empty run_as would leave it root
                self.assertIn(unit.get("User"), ("", user))
        self.assertIn(UNITS["openpcc-router"].get("User"), made)
        who = {WORKER: NODE[WORKER].environment["WORKER_USER"], ROUTER_COM: NODE[ROUTER_COM].environment["ROUTER_COM_USER"],
               BROKER: NODE[BROKER].environment["TPM_BROKER_USER"]}
        self.assertEqual(len(set(who.values())), 3)
        self.assertEqual(NODE[WORKER].environment["ROUTER_COM_USER"], who[ROUTER_COM])
        self.assertEqual(NODE[BROKER].environment["COMPUTE_WORKER_USER"], who[WORKER])
        self.assertEqual(made[who[BROKER]], "-:tss")  # it gives up supplementary groups

    def test_sockets_are_the_same_for_both_ends(self):
        ends = [((WORKER, "WORKER_SOCKET"), (ROUTER_COM, "WORKER_SOCKET"), (BOOT, "COMPUTE_WORKER_SOCKET")),
                ((BROKER, "TPM_BROKER_SOCKET"), (WORKER, "BROKER_SOCKET")),
                ((ROUTER_COM, "EVIDENCE_SOCKET"), (BOOT, "EVIDENCE_SOCKET"))]
        for pairs in ends:
            listener, variable = pairs[0]
            path = NODE[listener].environment[variable]
            self.assertEqual(str(pathlib.Path(path).parent), "/run/" + NODE[listener].get("RuntimeDirectory"))
            for name, variable in pairs:
                self.assertEqual(NODE[name].environment[variable], path)
            self.assertEqual(len({NODE[name].variables[variable] for name, variable in pairs}), 1, "the defaults of the configurations")

    def test_variables_are_used(self):
        operator = dict(line.split("=", 1) for line in (ROOT / "server-2/systemd/node.env").read_text().splitlines() if line and line[0] != "#")
        for unit in NODE.values():
            self.assertLessEqual(set(unit.environment), set(unit.variables), unit.name)
            self.assertFalse(set(unit.environment) & set(operator), "the file would win over the unit")
        self.assertLessEqual(set(operator), set().union(*(unit.variables for unit in NODE.values())))
        for name, value in operator.items():
            for unit in NODE.values():
                self.assertIn(unit.variables.get(name, value), (value, ""), f"{name}: the default of {unit.config.name}")


class SystemdTest(unittest.TestCase):
    """systemd's own opinion."""

    def setUp(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed: units are not verified by systemd itself")
        self.folder = tempfile.TemporaryDirectory(prefix="openpcc-units-")
        self.addCleanup(self.folder.cleanup)
        self.copies = {}
        for unit in UNITS.values():
            text = unit.path.read_text().replace("/usr/local/bin/", f"{BIN}/")
            self.copies[unit.name] = pathlib.Path(self.folder.name) / unit.path.name
            self.copies[unit.name].write_text(text)

    def analyze(self, *argv) -> subprocess.CompletedProcess:
        # The folder alone would leave out basic.target and its like.
        return subprocess.run(["systemd-analyze", *argv], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "SYSTEMD_UNIT_PATH": f"{self.folder.name}:", "LC_ALL": "C"})

    def assert_verified(self):
        done = self.analyze("--man=no", "verify", *map(str, self.copies.values()))
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_verify(self):
        self.assert_verified()

    def test_verify_with_the_drop_in_for_the_engine_http(self):
        for name in (WORKER, BOOT):
            folder = pathlib.Path(self.folder.name) / f"{name}.service.d"
            folder.mkdir()
            shutil.copy(ROOT / "server-2/systemd/engine-http.conf", folder)
        self.assert_verified()

    def test_exposure(self):
        version = re.match(r"systemd (\d+)", self.analyze("--version").stdout)
        if version is None or int(version.group(1)) < 250:
            self.skipTest("systemd-analyze cannot judge a unit's exposure offline before version 250")
        for name, path in self.copies.items():
            with self.subTest(unit=name):
                done = self.analyze("security", "--no-pager", "--offline=true", f"--threshold={MAX_EXPOSURE[name]}", str(path))
                self.assertEqual(done.returncode, 0, done.stdout[-400:] + done.stderr)
                print(done.stdout.strip().splitlines()[-1].encode("ascii", "ignore").decode().strip())


if __name__ == "__main__":
    unittest.main(verbosity=2)
