#!/usr/bin/env python3
"""Development evidence between the two sides: genuine lists, and every way to alter one.

Ours refuses every list that says something else than what was made. What the official side takes is written down in OFFICIAL_TAKES;
docs/interop.md tells of it: when it changes here, it changes there.
"""
from __future__ import annotations

import itertools
import pathlib
import sys
import unittest

from codec_pair import CROSSED, OFFICIAL, OURS, SECRET, SIDES, CodecTest, Exchange, as_list, every_bit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from proxy import encode, fields  # noqa: E402

AK, CREATION, QUOTE, REK, MAC = range(5)
TYPE, DATA, SIGNATURE = 1, 2, 3  # fields of a piece

# Parts of the list, and how many of their bits the official verifier lets be altered. In everything that is not here: none.
# (name, piece, field, bytes of it): bits taken of bits tried.
OFFICIAL_TAKES = {
    # Not looked at.
    ("AK: name algorithm", AK, DATA, 2, 4): 16,
    ("AK: attributes", AK, DATA, 4, 8): 32,
    ("AK: scheme", AK, DATA, 12, 14): 1,  # RSASSA turned into RSAPSS
    ("AK: hash of the scheme", AK, DATA, 14, 16): 16,
    ("AK: key bits", AK, DATA, 16, 18): 16,
    ("AK: the name beside it", AK, SIGNATURE, 0, 34): 34 * 8,
    ("REK: the name beside it", REK, SIGNATURE, 0, 34): 34 * 8,
    ("creation: hash of the signature", CREATION, SIGNATURE, 2, 4): 16,
    ("quote: hash of the signature", QUOTE, SIGNATURE, 2, 4): 16,
    # A byte that is true when not zero is written anew as 1 before its signature is checked.
    ("creation: clock is safe", CREATION, DATA, 62, 63): 7,
    ("quote: clock is safe", QUOTE, DATA, 62, 63): 7,
    # The list is read by position. The eighth bit makes a number that goes on in the next byte.
    **{(f"type of piece {piece}", piece, TYPE, 0, 1): 7 for piece in range(5)},
}
# Beside those, bits of protobuf keys: the official reader skips a field of an unknown number.
OFFICIAL_TAKES_KEYS = 27
# The key of a quote's PCR values, so altered that there are none: the official verifier panics.
OFFICIAL_PANICS = 3
# Keys and types so altered that the list still says the same: a field that reads as 0 both present and absent (the type of the
# first and the last piece, the number of PCR 0). Ours takes these.
SAME_MEANING = 16


def places(encoded: bytes) -> dict[tuple[int, int], tuple[int, int]]:
    """(piece, field) -> where its value stands in the encoded list: first byte, and the one after the last."""
    out, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = encoded[at]
            at, value, shift = at + 1, value | (byte & 0x7f) << shift, shift + 7
            if byte < 0x80:
                return value

    for piece in itertools.count():
        if at == len(encoded):
            return out
        varint()
        end = varint() + at
        while at < end:
            key = varint()
            size = varint() if key & 7 == 2 else 1
            out[piece, key >> 3] = at, at + size
            at += size


def list_of(pieces) -> bytes:
    return encode([(1, 2, piece) for piece in pieces])


class EvidenceTest(CodecTest):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # First, because making another list takes the official codec another machine.
        cls.another = bytes.fromhex(cls.codecs[OFFICIAL]("make_evidence", secret=SECRET)["evidence"])
        cls.genuine = {maker: bytes.fromhex(codec("make_evidence", secret=SECRET)["evidence"])
                       for maker, codec in cls.codecs.items()}

    def verdicts(self, verifier: str, variants: dict, secret: str = SECRET) -> list[dict]:
        return self.codecs[verifier]("verify_evidence", secret=secret, variants=variants)["outcomes"]

    def verdict(self, verifier: str, encoded: bytes, secret: str = SECRET) -> dict:
        return self.verdicts(verifier, as_list([encoded]), secret)[0]

    def meaning(self, encoded: bytes):
        """The list and the quote in it, as the official reader has them."""
        pieces = self.codecs[OFFICIAL]("read", kind="evidence", bytes=encoded.hex())["value"]
        return pieces[:QUOTE] + pieces[QUOTE + 1:], {
            **pieces[QUOTE], "data": self.codecs[OFFICIAL]("read", kind="quote", bytes=pieces[QUOTE]["data"])["value"]}

    def test_genuine_evidence_is_accepted_by_the_other_with_the_same_key(self):
        for maker, verifier in CROSSED:
            with self.subTest(f"{maker} to {verifier}"):
                encoded = self.genuine[maker]
                verdict = self.verdict(verifier, encoded)
                self.assertTrue(verdict["ok"], verdict)
                self.assertEqual(verdict, self.verdict(maker, encoded))
                self.assertTrue(verdict["rek"].startswith("04"))
                read = self.codecs[verifier]("read", kind="evidence", bytes=encoded.hex())["value"]
                self.assertEqual([piece["type"] for piece in read], [0, 1, 11, 3, 0])
                again = self.codecs[verifier]("write", kind="evidence", value=read)["bytes"]
                self.assertEqual(again, encoded.hex())

    def test_a_request_sealed_to_the_verified_key_opens_in_the_machine_that_made_the_evidence(self):
        """The official machine has a TPM for it, in the simulator; the one of ours is software for testing."""
        request = {"method": "POST", "scheme": "http", "authority": "confsec.invalid", "path": "/", "fields": {}, "trailers": {},
                   "body": "70696e67"}
        for (node, client), indeterminate in itertools.product(CROSSED, (False, True)):
            with self.subTest(f"{client} to {node}, unknown length {indeterminate}"):
                rek = self.verdict(client, self.genuine[node])["rek"]
                exchange = Exchange(self.codecs[client], self.codecs[node], {**request, "indeterminate": indeterminate}, rek,
                                    own_rek=True)
                self.assertEqual(exchange.opened["request"]["body"], request["body"])
                answer = exchange.answer({"status": 200, "fields": {}, "trailers": {}, "body": "706f6e67",
                                          "indeterminate": indeterminate})
                self.assertEqual(exchange.open(answer)["body"], "706f6e67")

    def test_another_secret_is_refused(self):
        for maker, verifier in itertools.product(SIDES, SIDES):
            for secret in ("", "1234567", "12345"):
                self.assertFalse(self.verdict(verifier, self.genuine[maker], secret)["ok"], (maker, verifier, secret))

    def test_every_bit_altered(self):
        for maker, encoded in self.genuine.items():
            where = places(encoded)
            with self.subTest(f"made by {maker}, verified by ours"):
                outcomes = self.verdicts(OURS, every_bit(encoded.hex()))
                taken = {bit for bit, outcome in enumerate(outcomes) if outcome["ok"]}
                for bit in taken:
                    altered = bytearray(encoded)
                    altered[bit // 8] ^= 1 << bit % 8
                    self.assertEqual(self.meaning(bytes(altered)), self.meaning(encoded), f"bit {bit}")
                self.assertEqual(len(taken), SAME_MEANING)
            with self.subTest(f"made by {maker}, verified by the official side"):
                outcomes = self.verdicts(OFFICIAL, every_bit(encoded.hex()))
                taken = {bit for bit, outcome in enumerate(outcomes) if outcome["ok"]}
                self.assertEqual({outcomes[bit]["rek"] for bit in taken}, {self.verdict(OFFICIAL, encoded)["rek"]})
                seen = {}
                for (name, piece, field, first, end), _ in OFFICIAL_TAKES.items():
                    start = where[piece, field][0]
                    bits = set(range((start + first) * 8, (start + end) * 8))
                    seen[name] = len(taken & bits)
                    taken -= bits
                self.assertEqual(seen, {name: count for (name, *_), count in OFFICIAL_TAKES.items()})
                # Where a name nobody looks at is said to be shorter, or the public area before it longer (what follows the key in it
                # is not looked at either), what is left of the name, random bytes, may by chance be a field to skip: 1 list in 40.
                lengths = [where[AK, DATA][0] - 2, *(where[piece, field][0] - 1 for piece, field in (
                    (AK, DATA), (AK, SIGNATURE), (REK, DATA), (REK, SIGNATURE)))]
                taken -= {byte * 8 + bit for byte in lengths for bit in range(8)}
                taken -= {(where[piece, SIGNATURE][0] - 2) * 8 + 7 for piece in (AK, REK)}  # its key a longer number, the length in it
                self.assertEqual(len(taken), OFFICIAL_TAKES_KEYS)
                values = {bit for (_, field), (start, end) in where.items() if field != TYPE for bit in range(start * 8, end * 8)}
                quote = range(where[QUOTE, DATA][0] * 8, where[QUOTE, DATA][1] * 8)  # a protobuf message itself
                self.assertEqual([bit for bit in taken & values if bit not in quote], [])
                self.assertEqual(sum(outcome.get("panic", False) for outcome in outcomes), OFFICIAL_PANICS)

    def structures(self, encoded: bytes, other: bytes) -> dict[str, bytes]:
        """What became of the list -> the list."""
        pieces, others = ([value for _, _, value in fields(whole)] for whole in (encoded, other))
        out = {"empty": b""}
        for order in itertools.permutations(range(5)):
            if order != tuple(range(5)):
                out[f"order {order}"] = list_of(pieces[piece] for piece in order)
        for count in range(1, 5):
            for chosen in itertools.combinations(range(5), count):
                out[f"only {chosen}"] = list_of(pieces[piece] for piece in chosen)
        for piece, at in itertools.product(range(5), range(6)):
            out[f"piece {piece} once more at {at}"] = list_of([*pieces[:at], pieces[piece], *pieces[at:]])
        for piece, at in itertools.permutations(range(5), 2):
            out[f"piece {piece} in place of {at}"] = list_of([*pieces[:at], pieces[piece], *pieces[at + 1:]])
        for piece in (AK, CREATION, QUOTE, REK):  # the MAC is over random bytes of its own: any list of that secret has a good one
            out[f"piece {piece} of another node"] = list_of([*pieces[:piece], others[piece], *pieces[piece + 1:]])
        for piece, field in itertools.product(range(5), (TYPE, DATA, SIGNATURE)):
            without = encode([part for part in fields(pieces[piece]) if part[0] != field])
            out[f"piece {piece} without field {field}"] = list_of([*pieces[:piece], without, *pieces[piece + 1:]])
        # Type 0 is what a piece without a type has: these two say the same.
        del out[f"piece {AK} without field {TYPE}"], out[f"piece {MAC} without field {TYPE}"]
        return out

    def test_pieces_missing_doubled_reordered_or_of_another_node(self):
        official_takes = {f"piece {piece} without field {TYPE}" for piece in (CREATION, QUOTE, REK)}
        official_takes |= {f"piece {piece} without field {SIGNATURE}" for piece in (AK, REK)}
        for maker, encoded in self.genuine.items():
            self.assertTrue(self.verdict(OURS, self.another)["ok"])
            structures = self.structures(encoded, self.another)
            self.assertEqual(len(structures), 217)
            for verifier, takes in ((OURS, set()), (OFFICIAL, official_takes)):
                with self.subTest(f"made by {maker}, verified by {verifier}"):
                    outcomes = dict(zip(structures, self.verdicts(verifier, as_list(structures.values())), strict=True))
                    self.assertEqual({name for name, outcome in outcomes.items() if outcome["ok"]}, takes)
                    self.assertEqual({name for name, outcome in outcomes.items() if outcome.get("panic")}, set())


if __name__ == "__main__":
    unittest.main(verbosity=2)
