#!/usr/bin/env python3
"""Writes the vector files of this folder from the published ones. Usage: convert.py HPKE_JSON WYCHEPROOF_DIR NIST_DIR

  HPKE_JSON       test-vectors.json of RFC 9180 (github.com/cfrg/draft-irtf-cfrg-hpke, revision 5f503c5; also, packed, in
                  github.com/cloudflare/circl hpke/testdata)
  WYCHEPROOF_DIR  testvectors_v1 of github.com/C2SP/wycheproof (Apache-2.0), revision dac1dd4
  NIST_DIR        a folder with gcmEncryptExtIV*.rsp and gcmDecrypt*.rsp (NIST CAVS 14.0) and rfc-5869-HKDF-SHA256.txt,
                  as in the Python package cryptography_vectors

Format: blocks of "key = value" separated by empty lines, "#" starts a comment, values are hexadecimal or words. Each
block begins with "type = ...". The reader fails on a key that no test has read and on a type it does not know.
"""
import collections
import datetime
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ALIKE = 8  # Wycheproof cases kept of those with the same flags and the same comment


def write(name, source, blocks):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as out:
        out.write(f"# {source}\n# Converted on {datetime.date.today()} by convert.py; not edited by hand.\n")
        for block in blocks:
            out.write("\n" + "".join(f"{key} = {value}\n".replace(" = \n", " =\n") for key, value in block.items()))
    print(name, len(blocks))


def hpke(path):
    kems, aeads = {16: "p256", 32: "x25519"}, {1: "aes128gcm", 2: "aes256gcm", 3: "chacha20poly1305"}
    blocks = []
    with open(path, encoding="ascii") as file:
        cases = json.load(file)
    for case in cases:
        if case["mode"] != 0 or case["kem_id"] not in kems or case["kdf_id"] != 1 or case["aead_id"] not in aeads:
            continue
        block = {"type": "setup", "kem": kems[case["kem_id"]], "aead": aeads[case["aead_id"]]}
        block.update({key: case[key] for key in ("info", "ikmR", "ikmE", "skRm", "skEm", "pkRm", "enc")})
        blocks.append(block)
        for seq in (0, 1, 2, 4, 255, 256):
            one = case["encryptions"][seq]
            blocks.append({"type": "message", "seq": seq, "aad": one["aad"], "pt": one["pt"], "ct": one["ct"]})
        for one in case["exports"]:
            blocks.append({"type": "export", "context": one["exporter_context"], "length": one["L"],
                           "value": one["exported_value"]})
    write("hpke.txt", "RFC 9180 Appendix A: base mode, our suites, six messages of each", blocks)


def wycheproof(folder, name):
    with open(os.path.join(folder, name + "_test.json"), encoding="utf-8") as file:
        data = json.load(file)
    alike = collections.Counter()
    for group in data["testGroups"]:
        for test in group["tests"]:
            kind = (*test["flags"], test["comment"], group.get("keySize"))
            alike[kind] += 1
            if alike[kind] <= ALIKE:
                yield group, test


def aead(folder):
    blocks = []
    for name, algorithm in (("aes_gcm", "gcm"), ("chacha20_poly1305", "chacha20poly1305")):
        for group, test in wycheproof(folder, name):
            # Only 12-byte nonces and 16-byte tags exist here; other nonce sizes are kept as what must be refused.
            if group["tagSize"] != 128 or group["keySize"] == 192 or (group["ivSize"] != 96 and test["tcId"] % 5):
                continue
            kind = algorithm if algorithm != "gcm" else f"aes{group['keySize']}gcm"
            good = test["result"] == "valid" and group["ivSize"] == 96
            blocks.append({"type": "aead", "id": test["tcId"], "aead": kind, "key": test["key"], "nonce": test["iv"],
                           "aad": test["aad"], "pt": test["msg"], "ct": test["ct"] + test["tag"],
                           "result": "valid" if good else "invalid"})
    write("aead_wycheproof.txt", "C2SP Wycheproof v1, revision dac1dd4: aes_gcm, chacha20_poly1305 (tcId 1 of it is RFC 8439 2.8.2)", blocks)


def nist_gcm(folder):
    blocks = []
    for name in ("gcmEncryptExtIV128", "gcmEncryptExtIV256", "gcmDecrypt128", "gcmDecrypt256"):
        group, case = {}, {}
        with open(os.path.join(folder, name + ".rsp"), encoding="ascii") as file:
            lines = [line.strip() for line in file] + [""]
        for line in lines:
            if found := re.fullmatch(r"\[(\w+) = (\d+)\]", line):
                group[found[1]] = int(found[2])
            elif line == "FAIL":
                case["FAIL"] = ""
            elif found := re.fullmatch(r"(\w+) = ?(.*)", line):
                case[found[1]] = found[2]
            elif not line and case:
                if group["IVlen"] == 96 and group["Taglen"] == 128 and int(case["Count"]) < 3:
                    blocks.append({"type": "aead", "id": f"{name}/{len(blocks)}", "aead": f"aes{name[-3:]}gcm",
                                   "key": case["Key"], "nonce": case["IV"], "aad": case["AAD"],
                                   "pt": case.get("PT", ""), "ct": case["CT"] + case["Tag"],
                                   "result": "invalid" if "FAIL" in case else "valid"})
                case = {}
    write("aead_nist.txt", "NIST CAVS 14.0 GCM: 96-bit IV, 128-bit tag, three of each group", blocks)


def hkdf(folder, nist):
    blocks, case = [], {}
    with open(os.path.join(nist, "rfc-5869-HKDF-SHA256.txt"), encoding="ascii") as file:
        lines = [line.strip() for line in file] + [""]
    for line in lines:
        if found := re.fullmatch(r"(\w+) *= *(.*)", line):
            case[found[1]] = found[2]
        elif not line and "OKM" in case:
            blocks.append({"type": "rfc5869", "ikm": case["IKM"], "salt": case.get("salt", ""), "info": case.get("info", ""),
                           "prk": case["PRK"], "length": case["L"], "okm": case["OKM"]})
            case = {}
    for _, test in wycheproof(folder, "hkdf_sha256"):
        blocks.append({"type": "hkdf", "id": test["tcId"], "ikm": test["ikm"], "salt": test["salt"],
                       "info": test["info"], "length": test["size"], "okm": test["okm"], "result": test["result"]})
    for group, test in wycheproof(folder, "hmac_sha256"):
        if group["tagSize"] == 256:
            blocks.append({"type": "hmac", "id": test["tcId"], "key": test["key"], "msg": test["msg"],
                           "tag": test["tag"], "result": test["result"]})
    write("hkdf.txt", "RFC 5869 Appendix A; C2SP Wycheproof v1, revision dac1dd4: hkdf_sha256, hmac_sha256", blocks)


def dh(folder):
    blocks = []
    for name, kem in (("ecdh_secp256r1_ecpoint", "p256"), ("x25519", "x25519")):
        for _, test in wycheproof(folder, name):
            private = test["private"].rjust(64, "0")
            private = private[-64:] if int(private[:-64] or "0", 16) == 0 else private
            # "acceptable" means compressed points and all-zero results: RFC 9180 takes neither.
            usable = test["result"] != "invalid" and int(test["shared"] or "0", 16) != 0
            usable = usable and (kem != "p256" or len(test["public"]) == 130)
            blocks.append({"type": "dh", "id": test["tcId"], "kem": kem, "public": test["public"], "private": private,
                           "shared": test["shared"], "result": "valid" if usable else "invalid"})
    write("dh_wycheproof.txt", "C2SP Wycheproof v1, revision dac1dd4: ecdh_secp256r1_ecpoint, x25519", blocks)


def signatures(folder):
    blocks, last = [], None
    for name, kind in (("ed25519", "ed25519"), ("rsa_signature_2048_sha256", "rsa")):
        for group, test in wycheproof(folder, name):
            key = group["publicKey"]
            if key is not last:
                last = key
                blocks.append({"type": "ed25519-key", "key": key["pk"], "pem": group["publicKeyPem"].strip().replace("\n", "|")}
                              if kind == "ed25519" else {"type": "rsa-key", "n": key["modulus"], "e": key["publicExponent"]})
            # "acceptable" means an encoding that RFC 8017 does not have.
            blocks.append({"type": kind, "id": test["tcId"], "msg": test["msg"], "sig": test["sig"],
                           "result": "valid" if test["result"] == "valid" else "invalid"})
    write("signature_wycheproof.txt", "C2SP Wycheproof v1, revision dac1dd4: ed25519, rsa_signature_2048_sha256", blocks)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    hpke_json, wycheproof_dir, nist_dir = sys.argv[1:]
    hpke(hpke_json)
    aead(wycheproof_dir)
    nist_gcm(nist_dir)
    hkdf(wycheproof_dir, nist_dir)
    dh(wycheproof_dir)
    signatures(wycheproof_dir)


if __name__ == "__main__":
    main()
