#!/usr/bin/env python3
"""Byte level, both directions: what one side writes the other reads, and writes again to the same meaning."""
from __future__ import annotations

import itertools
import unittest

from codec_pair import (CROSSED, OFFICIAL, OTHER_REK, OURS, REK, CodecTest, Refused, as_list, body, every_bit)

# 512 bytes are the most that one content chunk holds.
SIZES = (0, 1, 511, 512, 513, 100_000)
REQUEST = {"method": "POST", "scheme": "http", "authority": "confsec.invalid", "path": "/v1/chat/completions?a=b%20c",
           "fields": {"content-type": ["application/json"], "x-several": ["one", "two", ""]}, "trailers": {}}
RESPONSE = {"status": 200, "fields": {"content-type": ["text/event-stream"], "x-note": ["naïve \t value"]}, "trailers": {}}
TRAILERS = {"X-Refund-Note": ["nothing"], "X-Second": ["1", "2"]}


def messages(head: dict):
    """(name, message) for each framing and size; of unknown length also with trailers, in pieces that do not fill a chunk."""
    for size in SIZES:
        yield f"known length, {size} bytes", {**head, "body": body(size)}
        yield f"unknown length, {size} bytes", {**head, "body": body(size), "indeterminate": True}
        yield f"unknown length, {size} bytes, trailers", {
            **head, "body": body(size), "indeterminate": True, "trailers": TRAILERS, "piece": 200}
    yield "other status or method", {**head, **({"status": 503} if "status" in head else {"method": "GET"}), "body": ""}


def meaning(written: dict) -> dict:
    """What a reader must report of a message to write. The scheme is left out: the official decoder does not keep it."""
    size = len(written["body"]) // 2
    fields, known = dict(written["fields"]), not written.get("indeterminate")
    stated = known and (size > 0 or "status" in written or written["method"] == "POST")
    if stated:
        fields["content-length"] = [str(size)]
    heads = ("status",) if "status" in written else ("method", "authority", "path")
    return {**{name: written[name] for name in heads}, "fields": fields, "body": written["body"],
            "trailers": {name.lower(): values for name, values in written["trailers"].items()},
            "content_length": size if known else None}


class MessageTest(CodecTest):
    """Shared by sealed messages and Binary HTTP."""

    def assert_means(self, read: dict, written: dict):
        read = dict(read)
        self.assertEqual(read.pop("scheme", written.get("scheme")), written.get("scheme"))
        self.assertEqual(read, meaning(written))

    def assert_again(self, writer, reader, direction: str, read: dict, written: dict):
        """What was read is written once more, by the one that read it, and still means the same to the one that wrote it."""
        again = {**read, "indeterminate": written.get("indeterminate", False), "scheme": written.get("scheme", "")}
        encoded = reader(f"encode_{direction}", message=again, chunk_limit=514, pad_to=514)["bytes"]
        self.assert_means(writer(f"decode_{direction}", bytes=encoded)[direction], written)


class SealedTest(MessageTest):

    def test_requests_open_at_each_candidate(self):
        for (writer, reader), (name, request) in itertools.product(CROSSED, messages(REQUEST)):
            with self.subTest(f"{writer} to {reader}, {name}"):
                client, node = self.codecs[writer], self.codecs[reader]
                sealed = client("seal_request", request=request, keys=[self.other_rek, self.rek])
                self.assertEqual(sealed["media_type"], "application/confsec-chunked-req" if request.get("indeterminate")
                                 else "application/confsec-req")
                for key, private, piece in zip(sealed["encapsulated_keys"], (OTHER_REK, REK), (0, 7)):
                    opened = node("open_request", private=private, encapsulated_key=key, media_type=sealed["media_type"],
                                  sealed=sealed["sealed"], piece=piece)["request"]
                    self.assert_means(opened, request)
                    self.assert_again(client, node, "request", opened, request)
                with self.assertRaises(Refused):  # the key for one candidate does not open at another
                    node("open_request", private=OTHER_REK, encapsulated_key=sealed["encapsulated_keys"][1],
                         media_type=sealed["media_type"], sealed=sealed["sealed"])

    def test_responses_open_at_the_client(self):
        for (node, client), indeterminate in itertools.product(CROSSED, (False, True)):
            # Either kind of response answers either kind of request.
            exchange = self.exchange(client, node, {**REQUEST, "body": body(20), "indeterminate": indeterminate})
            for name, response in messages(RESPONSE):
                with self.subTest(f"{node} to {client}, {name}"):
                    answer = exchange.answer(response)
                    self.assertEqual(answer["media_type"], "application/confsec-chunked-res" if response.get("indeterminate")
                                     else "application/confsec-res")
                    for piece in (0, 1 if len(response["body"]) < 2000 else 1000):
                        self.assert_means(exchange.open(answer, piece=piece), response)
                    self.assert_again(exchange.node, exchange.client, "response", exchange.open(answer), response)

    def test_an_answer_opens_only_at_its_own_exchange_and_media_type(self):
        for (node, client), indeterminate in itertools.product(CROSSED, (False, True)):
            with self.subTest(f"{node} to {client}, unknown length {indeterminate}"):
                one, other = (self.exchange(client, node, {**REQUEST, "body": body(20)}) for _ in range(2))
                answer = one.answer({**RESPONSE, "body": body(100), "indeterminate": indeterminate})
                one.open(answer)
                with self.assertRaises(Refused):
                    other.open(answer)
                types = {"application/confsec-res", "application/confsec-chunked-res"} - {answer["media_type"]}
                for wrong in (*types, "application/confsec-res;x=1", "Application/confsec-res", ""):
                    with self.assertRaises(Refused):
                        one.open({**answer, "media_type": wrong})

    def test_encapsulated_keys_name_the_one_suite(self):
        for side in (OURS, OFFICIAL):
            sealed = self.codecs[side]("seal_request", request={**REQUEST, "body": ""}, keys=[self.rek, self.rek])
            first, second = sealed["encapsulated_keys"]
            self.assertEqual((len(first), first[:16]), (240, "0000100001000104"))
            self.assertNotEqual(first[14:], second[14:])  # a fresh ephemeral key for each
            self.assertEqual(self.codecs[OFFICIAL]("read", kind="encapsulated_key", bytes=first)["value"],
                             {"key_id": 0, "kem": 0x10, "kdf": 1, "aead": 1})


class BinaryHttpTest(MessageTest):
    # The most bytes of a content chunk with its length, and what the message is padded to: sealed messages, OHTTP, neither.
    LAYOUTS = ((514, 514), (532, 532), (4096, 0), (202, 1))

    def test_messages_are_the_same_to_the_byte_and_read_by_the_other(self):
        for direction, head in (("request", REQUEST), ("response", RESPONSE)):
            for (name, message), (chunk_limit, pad_to) in itertools.product(messages(head), self.LAYOUTS):
                with self.subTest(f"{direction}, {name}, chunks of {chunk_limit}, padded to {pad_to}"):
                    encoded = {side: codec(f"encode_{direction}", message=message, chunk_limit=chunk_limit, pad_to=pad_to)["bytes"]
                               for side, codec in self.codecs.items()}
                    self.assertTrue(encoded[OURS] == encoded[OFFICIAL], f"{encoded[OURS][:3000]}\n{encoded[OFFICIAL][:3000]}")
                    indicator = (1 if direction == "response" else 0) + (2 if message.get("indeterminate") else 0)
                    self.assertEqual(int(encoded[OURS][:2], 16), indicator)
                    self.assertEqual(len(encoded[OURS]) // 2 % max(pad_to, 1), 0)
                    for writer, reader in CROSSED:
                        for piece in (0, 3):
                            read = self.codecs[reader](f"decode_{direction}", bytes=encoded[writer], piece=piece)[direction]
                            self.assert_means(read, message)


ID, OTHER_ID = "0197d3a1-7c1e-7abc-8def-0123456789ab", "0197d3a1-7c1e-7abc-8def-0123456789ac"
EVIDENCE = [{"type": number, "data": body(number), "signature": body(20 - number)} for number in range(20)]
ROUTING_INFO = {"url": "http://127.0.0.1:1234/x", "healthcheck_url": "http://127.0.0.1:1234/_health",
                "tags": ["llm", "model=a:1b"], "evidence": EVIDENCE[:3]}
EVENT = {"node_id": ID, "event_index": 0, "seconds": 1_700_000_000, "nanos": 5, "routing_info": None, "routing_info_url": None}
CREDIT = {"value": {"amount": 1024}, "timestamp": 1_700_000_000 // 3600 * 3600, "nonce": body(16), "signature": body(256)}
VALUES = {
    "evidence": [[], EVIDENCE],
    "quote": [{"attest": "ff544347", "pcrs": {"0": "00" * 32, "12": "ab" * 32}}],
    "manifests": [[], [{"id": ID, "tags": ["llm", "model=a"], "evidence": EVIDENCE},
                       {"id": OTHER_ID, "tags": ["x"], "evidence": []}]],
    "manifest_request": [{"tags": [], "limit": 0}, {"tags": ["llm", "model=a"], "limit": 500}],
    "request_info": [[{"id": ID, "encapsulated_key": body(120)}],
                     [{"id": node, "encapsulated_key": body(120)} for node in (ID, OTHER_ID)]],
    "node_event": [EVENT, {**EVENT, "event_index": 2**40, "routing_info": ROUTING_INFO},
                   {**EVENT, "routing_info_url": "http://127.0.0.1/info"}],
    "currency": [{"amount": amount} for amount in (0, 15, 16, 32, 34, 1024, 2_621_440, 33_285_996_544)]
    + [{"special": 0}, {"special": 31}],
    "credit": [CREDIT, {**CREDIT, "value": {"special": 0}}],
    "badge": [{"models": ["llama3.2:1b", "qwen"], "signature": body(64)}, {"models": [], "signature": body(64)}],
    "error_body": [{"message": "unprocessable credit"}, {"message": "naïve"}],
}


class WireTest(CodecTest):

    def test_messages_are_read_by_the_other_and_written_again(self):
        for kind, values in VALUES.items():
            for value, (writer, reader) in itertools.product(values, CROSSED):
                with self.subTest(f"{kind} from {writer} to {reader}", value=value):
                    encoded = self.codecs[writer]("write", kind=kind, value=value)["bytes"]
                    read = self.codecs[reader]("read", kind=kind, bytes=encoded)["value"]
                    self.assertEqual(read, value)
                    again = self.codecs[reader]("write", kind=kind, value=read)["bytes"]
                    self.assertEqual(self.codecs[writer]("read", kind=kind, bytes=again)["value"], value)

    def test_altered_and_cut_messages_mean_the_same_to_both_or_are_refused_by_ours(self):
        """Every bit and every cut. Both take and refuse the same, and read the same, but for what is said here."""
        # Ours also refuses a quote without its parts, with a PCR twice, above 31, or of a size that no digest has.
        stricter = {"quote": 23}
        for kind, values in VALUES.items():
            for value in values:
                encoded = self.codecs[OFFICIAL]("write", kind=kind, value=value)["bytes"]
                cuts = as_list(bytes.fromhex(encoded)[:size] for size in range(len(encoded) // 2))
                outcomes = {side: codec("read_variants", kind=kind, variants={**every_bit(encoded), **cuts})["outcomes"]
                            for side, codec in self.codecs.items()}
                differ, refused = [], 0
                for at, (ours, official) in enumerate(zip(outcomes[OURS], outcomes[OFFICIAL])):
                    bit = at - len(encoded) // 2  # the cuts come first
                    if not ours["ok"] and official["ok"]:
                        refused += 1
                    elif ours.get("value") != official.get("value") and not (kind == "node_event" and in_url(encoded, value, bit)):
                        differ.append((f"bit {bit}" if bit >= 0 else f"cut at {at}", ours, official))
                self.assertEqual(differ, [], kind)
                self.assertEqual(refused, stricter.get(kind, 0), kind)


def in_url(encoded: str, event: dict, bit: int) -> bool:
    """Whether that bit lies in one of the event's URLs. The official reader parses those and writes them anew: another text may
    come out, or none where ours looks at the scheme alone."""
    info = event["routing_info"] or {}
    for url in (info.get("url"), info.get("healthcheck_url"), event["routing_info_url"]):
        if url and (at := bytes.fromhex(encoded).find(url.encode())) * 8 <= bit < (at + len(url)) * 8:
            return True
    return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
