#!/usr/bin/env python3
"""`pcc inspect` on what the official code writes: it names the parts as they are, and finds every cut."""
from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import unittest

from codec_pair import OFFICIAL, SECRET, CodecTest, body
from codec_test import ID, REQUEST, RESPONSE, TRAILERS, VALUES

PCC = pathlib.Path(os.environ.get("OPENPCC_BIN", "build/bin")).resolve() / "pcc"
WELL_FORMED, MALFORMED = 0, 1
# The codec's kind of object -> pcc's.
KINDS = {"evidence": "evidence", "manifests": "manifests", "manifest_request": "manifest-request", "request_info": "routing-info",
         "node_event": "node-event", "currency": "currency", "credit": "credit", "badge": "badge", "error_body": "error-body"}
SEALED = {"application/confsec-req": "sealed-request", "application/confsec-chunked-req": "chunked-sealed-request",
          "application/confsec-res": "sealed-response", "application/confsec-chunked-res": "chunked-sealed-response"}


class InspectTest(CodecTest):
    def inspect(self, data: bytes, kind: str, *options, code=WELL_FORMED) -> dict:
        done = subprocess.run([PCC, "inspect", "--json", "--encoding", "raw", "--as", kind, *options, "-"], input=data,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stdout[:2000] + done.stderr[:2000])
        report = json.loads(done.stdout)
        self.assertEqual(report["well_formed"], code == WELL_FORMED)
        for problem in report["problems"]:
            self.assertLessEqual(problem["byte"], len(data))
            self.assertTrue(problem["rule"])
        return report

    def written(self, op: str, **parameters) -> bytes:
        return bytes.fromhex(self.codecs[OFFICIAL](op, **parameters)["bytes"])

    def test_protobuf_objects(self):
        for kind, name in KINDS.items():
            for value in VALUES[kind]:
                with self.subTest(kind, value=value):
                    data = self.written("write", kind=kind, value=value)
                    self.inspect(data, name, "--shallow")
                    if data:
                        self.inspect(data[:-1], name, "--shallow", code=MALFORMED)
        event = self.inspect(self.written("write", kind="node_event", value=VALUES["node_event"][1]), "node-event", "--shallow")
        self.assertIn(ID, json.dumps(event["object"]))

    def test_genuine_evidence_with_its_tpm_structures(self):
        data = bytes.fromhex(self.codecs[OFFICIAL]("make_evidence", secret=SECRET)["evidence"])
        report = self.inspect(data, "evidence")
        text = json.dumps(report["object"])
        for word in ("restricted", "fixedTPM", "pcr_selection", "pcr_digest"):
            self.assertIn(word, text)
        for size in range(0, len(data), 97):
            self.inspect(data[:size], "evidence") if size == 0 else self.inspect(data[:size], "evidence", code=MALFORMED)

    def test_binary_http(self):
        for (direction, head), unknown_length in itertools.product((("request", REQUEST), ("response", RESPONSE)), (False, True)):
            with self.subTest(direction, unknown_length=unknown_length):
                message = {**head, "body": body(600), "indeterminate": unknown_length,
                           "trailers": TRAILERS if unknown_length else {}}
                data = self.written(f"encode_{direction}", message=message, chunk_limit=514, pad_to=514)
                shown = self.inspect(data, "bhttp")["object"]
                self.assertEqual((shown["message"], shown["indeterminate_length"]), (direction, unknown_length))
                self.assertEqual(shown.get("status") or shown.get("path"), head.get("status") or head.get("path"))
                self.inspect(data[:40], "bhttp", code=MALFORMED)
                self.inspect(data[:-1] + b"\1", "bhttp", code=MALFORMED)  # padding is zeros

    def test_sealed_messages_and_keys(self):
        for request_chunked, response_chunked in itertools.product((False, True), repeat=2):
            with self.subTest(request_chunked=request_chunked, response_chunked=response_chunked):
                exchange = self.exchange(OFFICIAL, OFFICIAL, {**REQUEST, "body": body(700), "indeterminate": request_chunked})
                key = bytes.fromhex(exchange.request["encapsulated_keys"][0])
                self.inspect(key, "encapsulated-key")
                self.inspect(b"\1" + key[1:], "encapsulated-key", code=MALFORMED)
                answer = exchange.answer({**RESPONSE, "body": body(700), "indeterminate": response_chunked})
                for sealed, chunked in ((exchange.request, request_chunked), (answer, response_chunked)):
                    data = bytes.fromhex(sealed["sealed"])
                    shown = self.inspect(data, SEALED[sealed["media_type"]])["object"]
                    if chunked:
                        self.assertGreater(shown["chunk_count"], 2)
                        self.inspect(data[:-17], SEALED[sealed["media_type"]], code=MALFORMED)  # without the final frame


if __name__ == "__main__":
    unittest.main(verbosity=2)
