#!/usr/bin/env python3
"""Verifies a spanwarden audit store without any program of spanwarden.

Written from the documented formats alone (internal/audit/README.md, "Seal", and
internal/tlog/README.md), with Python's standard library alone: row hashes, batch
digests, Merkle roots and Ed25519 signatures. ../verify-independently.md tells how
to use it. It is slow and meant to be read.

Exit codes: 0 everything is as it was signed, 1 something is not, 3 could not check.
"""
import argparse
import ast
import base64
import decimal
import hashlib
import json
import os
import re
import sys
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


# --- rows: how they are asked for, and the bytes of their fields -----------------

def select_of(name, kind):
    """SQL for a column in a form that no text encoding can damage."""
    column = "`%s`" % name
    if kind in ("String", "LowCardinality(String)", "FixedString(16)"):
        return "hex(%s)" % column
    if kind.startswith(("UInt", "Nullable(UInt")):
        return "toString(%s)" % column
    if "DateTime64(9" in kind:
        return "toString(toUnixTimestamp64Nano(%s))" % column
    if kind == "Nullable(Decimal(38, 12))":
        return "toDecimalString(%s, 12)" % column
    if kind in ("Array(String)", "Array(LowCardinality(String))"):
        return "arrayMap(x -> hex(x), %s)" % column
    pairs = "arrayMap((k, v) -> [hex(k), hex(v)], mapKeys({0}), mapValues({0}))"
    if kind == "Map(LowCardinality(String), String)":
        return pairs.format(column)
    if kind == "Array(Map(LowCardinality(String), String))":
        return "arrayMap(m -> %s, %s)" % (pairs.format("m"), column)
    raise ValueError("column %s: unknown type %s" % (name, kind))


def netstring(raw):
    return b"%d:%s," % (len(raw), raw)


def pairs_of(pairs):
    """A map: keys in bytewise order, and values where keys are equal."""
    decoded = sorted((bytes.fromhex(k), bytes.fromhex(v)) for k, v in pairs)
    return b"".join(netstring(k) + netstring(v) for k, v in decoded)


def field_of(kind, value):
    """The bytes of a field, from what select_of asked for."""
    if value is None:
        return b""
    if kind == "FixedString(16)":
        return value.lower().encode()
    if kind in ("String", "LowCardinality(String)"):
        return bytes.fromhex(value)
    if kind == "Nullable(Decimal(38, 12))":
        with decimal.localcontext() as exact:
            exact.prec = 60
            return b"%d" % int(decimal.Decimal(value) * 10 ** 12)
    if kind in ("Array(String)", "Array(LowCardinality(String))"):
        return b"".join(netstring(bytes.fromhex(x)) for x in value)
    if kind == "Map(LowCardinality(String), String)":
        return pairs_of(value)
    if kind == "Array(Map(LowCardinality(String), String))":
        return b"".join(netstring(pairs_of(m)) for m in value)
    return value.encode()  # numbers and times, in decimal


def row_hash(fields, row):
    h = hashlib.sha256(b"\x00")
    for name, kind in fields:
        h.update(netstring(field_of(kind, row[name])))
    return h.hexdigest().upper()


def batch_digest(hashes):
    """hashes: a set of (row_ix, H0). Rows that are there twice and alike count once."""
    return hashlib.sha256(b"\x02" + "".join(h for _, h in sorted(hashes)).encode()).hexdigest().upper()


def count(hashes):
    return len({ix for ix, _ in hashes})


# --- the log: leaves, tree, signatures -------------------------------------------

LEAF_KEYS = ["writer", "epoch", "seq", "kind", "sealed_at", "table", "rows", "digest", "hash_v", "min_ts", "max_ts",
             "received", "written", "filtered", "refused"]


def parse_leaf(text):
    lines = text.split(b"\n")
    if lines[0] != b"spanwarden-leaf/v1" or lines[-1] != b"":
        raise ValueError("is no leaf")
    leaf, detail = {}, {}
    for i, line in enumerate(lines[1:-1]):
        key, _, value = line.decode("utf-8", "surrogateescape").partition(" ")
        if i < len(LEAF_KEYS):
            if key != LEAF_KEYS[i]:
                raise ValueError("line %d is %r, not %s" % (i + 2, key, LEAF_KEYS[i]))
            leaf[key] = value
        elif key.startswith("."):
            detail[key[1:]] = ast.literal_eval(value)  # Go's escapes are Python's
        else:
            raise ValueError("line %d is %r" % (i + 2, key))
    leaf["detail"] = detail
    return leaf


def leaf_hash(text):
    return hashlib.sha256(b"\x00" + text).digest()


class Tree:
    """The right edge of a Merkle tree as of RFC 6962."""

    def __init__(self):
        self.size, self.edge = 0, []

    def append(self, h):
        n = self.size
        while n & 1:
            h = hashlib.sha256(b"\x01" + self.edge.pop() + h).digest()
            n >>= 1
        self.edge.append(h)
        self.size += 1

    def root(self):
        if not self.edge:
            return hashlib.sha256(b"").digest()
        h = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            h = hashlib.sha256(b"\x01" + left + h).digest()
        return h


# Ed25519 as RFC 8032, section 5.1, has it.
P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def point(raw):
    y = int.from_bytes(raw, "little")
    x = recover_x(y & (2 ** 255 - 1), y >> 255)
    y &= 2 ** 255 - 1
    return None if x is None else (x, y, 1, x * y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(n, p):
    q = (0, 1, 1, 0)
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def verify_signature(public, message, signature):
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or len(signature) != 64:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    p, q = multiply(s, BASE), add(r, multiply(k, a))
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def parse_key(text):
    """A public key: name+hash+base64, where the first byte says Ed25519."""
    name, want, encoded = text.strip().split("+", 2)
    raw = base64.b64decode(encoded)
    if raw[0] != 1 or len(raw) != 33:
        raise ValueError("%s: is no Ed25519 key" % name)
    key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if key_id.hex() != want:
        raise ValueError("%s: its hash is wrong" % name)
    return name, key_id, raw[1:]


def signed_by(note, keys):
    """Which of the keys signed a note (C2SP signed-note); None where none did."""
    text, _, signatures = note.partition(b"\n\n")
    for line in signatures.decode("utf-8", "replace").split("\n"):
        m = re.match("^\u2014 (\\S+) (\\S+)$", line)
        if not m:
            continue
        raw = base64.b64decode(m.group(2))
        for key in keys:
            if key[0] == m.group(1) and key[1] == raw[:4] and verify_signature(key[2], text + b"\n", raw[4:]):
                return key
    return None


# --- where rows and leaves come from ---------------------------------------------

class Store:
    """The store's HTTP interface."""

    def __init__(self, url, database, user, password):
        self.url, self.database, self.user, self.password = url, database, user, password

    def rows(self, query):
        settings = {"database": self.database, "default_format": "JSONEachRow", "output_format_json_quote_64bit_integers": "1"}
        request = urllib.request.Request(self.url.rstrip("/") + "/?" + urllib.parse.urlencode(settings), data=query.encode())
        if self.user:
            request.add_header("X-ClickHouse-User", self.user)
            request.add_header("X-ClickHouse-Key", self.password)
        with urllib.request.urlopen(request) as answer:
            for line in answer:
                yield json.loads(line)


def row_query(table, fields):
    columns = ["hex(writer_id) AS w", "toString(writer_epoch) AS e", "lower(hex(batch_id)) AS b", "toString(row_ix) AS ix"]
    columns += ["%s AS `f%d`" % (select_of(name, kind), i) for i, (name, kind) in enumerate(fields)]
    return "SELECT %s FROM %s FORMAT JSONEachRow" % (", ".join(columns), table)


LEAF_QUERY = """SELECT DISTINCT hex(writer_id) AS w, toString(writer_epoch) AS e, toString(seq) AS s, hex(leaf) AS leaf, hex(note) AS note
FROM ledger_batches ORDER BY writer_id, writer_epoch, seq FORMAT JSONEachRow"""


def from_file(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def batches_of(rows, table, fields):
    """{(writer, epoch, table, batch): {(row_ix, H0)}}"""
    batches = {}
    for r in rows:
        row = {name: r["f%d" % i] for i, (name, _) in enumerate(fields)}
        where = (bytes.fromhex(r["w"]).decode(), r["e"], table, r["b"])
        batches.setdefault(where, set()).add((int(r["ix"]), row_hash(fields, row)))
    return batches


# --- the verification --------------------------------------------------------------

class Findings:
    def __init__(self):
        self.count = 0

    def add(self, text):
        self.count += 1
        print("NOT AS SIGNED  " + text)


def read_logs(rows):
    logs = {}
    for r in rows:
        logs.setdefault((bytes.fromhex(r["w"]).decode(), r["e"]), []).append((int(r["s"]), bytes.fromhex(r["leaf"]), bytes.fromhex(r["note"])))
    return logs


def check_log(log, entries, keys, findings):
    """Folds the leaves into roots, holds every note against them, follows keys from
    one to the next, and checks the signature of the last note."""
    name, tree, batches, keys, last = "%s/%s" % log, Tree(), {}, list(keys), None
    for i, (seq, text, note) in enumerate(entries):
        if seq != i:
            findings.add("log %s: leaf %d is there where leaf %d should be" % (name, seq, i))
            return batches
        try:
            leaf = parse_leaf(text)
        except ValueError as why:
            findings.add("log %s: leaf %d: %s" % (name, i, why))
            return batches
        if (leaf["writer"], leaf["epoch"], leaf["seq"]) != (log[0], log[1], str(seq)):
            findings.add("log %s: leaf %d says that it is another" % (name, i))
        tree.append(leaf_hash(text))
        want = "spanwarden/%s\n%d\n%s" % (name, tree.size, base64.b64encode(tree.root()).decode())
        if note.partition(b"\n\n")[0] != want.encode():
            findings.add("log %s: leaf %d is not the one that was signed" % (name, i))
            return batches
        if leaf["kind"] == "batch":
            batches[(log[0], log[1], leaf["table"], leaf["digest"][:32].lower())] = leaf
        if leaf["kind"] == "key_rotation":
            old = signed_by(note, keys)
            if old:
                keys = [k for k in keys if k != old] + [parse_key(leaf["detail"]["vkey"])]
            else:
                findings.add("log %s: leaf %d names another key, and none of those that are believed signed it" % (name, i))
        last = note
    signer = signed_by(last, keys)
    if signer is None and entries and parse_leaf(entries[-1][1])["kind"] != "key_rotation":
        findings.add("log %s: the last of its %d leaves is signed by none of the keys given" % (name, tree.size))
    print("log %s: %d leaves, root %s, signed by %s" % (name, tree.size, base64.b64encode(tree.root()).decode(), signer[0] if signer else "another"))
    return batches


def verify(args, version, tables, source):
    findings, sealed = Findings(), {}
    keys = []
    for place in args.key:
        text = open(place, encoding="utf-8").read() if os.path.exists(place) else place
        keys += [parse_key(line) for line in text.split("\n") if line.strip() and not line.startswith(("#", "PRIVATE"))]
    logs = read_logs(source("ledger_batches", LEAF_QUERY))
    if not logs:
        raise ValueError("there is no ledger")
    for log, entries in sorted(logs.items()):
        sealed.update(check_log(log, entries, keys, findings))
    others = sorted({leaf["hash_v"] for leaf in sealed.values()} - {str(version)})
    if others:
        raise ValueError("there are batches of format %s, and --format has format %d" % (", ".join(others), version))
    rows = 0
    for table, fields in tables.items():
        found = batches_of(source(table, row_query(table, fields)), table, fields)
        rows += sum(count(h) for h in found.values())
        for where in sorted(set(found) | {s for s in sealed if s[2] == table}):
            text = "log %s/%s: table %s, batch %s" % where
            if where not in sealed:
                findings.add("%s: %d rows that no leaf tells of" % (text, count(found[where])))
            elif where not in found:
                findings.add("%s (leaf %s): all %s rows are gone" % (text, sealed[where]["seq"], sealed[where]["rows"]))
            elif batch_digest(found[where]) != sealed[where]["digest"]:
                findings.add("%s (leaf %s): %d rows, not those %s that were sealed" % (text, sealed[where]["seq"], count(found[where]), sealed[where]["rows"]))
    print("%d rows in %d batches of %d logs: %s" % (rows, len(sealed), len(logs), "%d not as signed" % findings.count if findings.count else "all as signed"))
    return 1 if findings.count else 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("command", choices=["verify", "digests", "queries"], help="verify; print batch digests; print the queries whose answers --from takes")
    p.add_argument("--url", default="http://127.0.0.1:8123")
    p.add_argument("--database", default="spanwarden")
    p.add_argument("--user", default="")
    p.add_argument("--password", default=os.environ.get("CLICKHOUSE_PASSWORD", ""))
    p.add_argument("--from", dest="folder", help="a folder with TABLE.jsonl, the answers to the queries, instead of a store")
    p.add_argument("--key", action="append", default=[], help="a public key, or a file with some")
    p.add_argument("--format", default=os.path.join(HERE, "format-1.json"), help="the fields of each table, in the order in which they are hashed")
    p.add_argument("--table", action="append", default=[], help="look at these only")
    p.add_argument("--read", default="", help="with one --table: read its rows from here")
    args = p.parse_args()
    with open(args.format, encoding="utf-8") as f:
        layout = json.load(f)
    tables = {t["table"]: [tuple(c) for c in t["fields"]] for t in layout["tables"]}
    tables = {t: fields for t, fields in tables.items() if not args.table or t in args.table}
    store = Store(args.url, args.database, args.user, args.password)

    def source(table, query):
        if args.folder:
            return from_file(os.path.join(args.folder, table + ".jsonl"))
        return store.rows(query)

    if args.command == "queries":
        for table, query in [("ledger_batches", LEAF_QUERY)] + [(t, row_query(t, f)) for t, f in tables.items()]:
            print("-- %s.jsonl\n%s;\n" % (table, query.replace("\n", " ")))
        return 0
    if args.command == "digests":
        for table, fields in tables.items():
            for where, hashes in sorted(batches_of(source(table, row_query(args.read or table, fields)), table, fields).items()):
                print(where[2], where[3], count(hashes), batch_digest(hashes))
        return 0
    if not args.key:
        raise ValueError("--key is missing: the public keys of those who are believed")
    return verify(args, layout["hash_v"], tables, source)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, SyntaxError, KeyError, OSError) as failure:
        print("could not check: %s" % failure, file=sys.stderr)
        sys.exit(3)
