"""The formats of docs/EVIDENCE.md §2 to §6: CBOR, COSE, seals, notes, the trust file, the ZIP and its manifest."""
import base64
import binascii
import datetime
import hashlib
import json
import re
import struct

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NIL, ZEROS = bytes(16), bytes(32)
MAX_SEAL, MAX_EVENT, MAX_EVENTS, MAX_KEYRING, MAX_NOTE = 49152, 16384, 64, 8192, 262144
MAX_FILES, MAX_OPENINGS, MAX_LINES, MAX_BUNDLE = 65534, 256 << 20, 2_000_000, (1 << 32) - 1


class Bad(Exception):
    """Bytes that are not what they should be; the argument names the problem where there is more than one kind."""


def need(condition, problem="malformed"):
    if not condition:
        raise Bad(problem)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ------------------------------------------------------------------------------------------------------------- CBOR (§2)


def walk(data, at, depth):
    """The end of the one deterministic item that begins at `at`."""
    need(depth <= 12 and at < len(data))
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        need(info in (20, 21, 22))
        return at
    need(major != 6)
    value = info
    if info >= 24:
        need(info <= 27)
        width = 1 << (info - 24)
        need(at + width <= len(data))
        value = int.from_bytes(data[at:at + width], "big")
        at += width
        need(value >= (24 if width == 1 else 1 << (4 * width)))
    if major in (2, 3):
        need(at + value <= len(data))
        if major == 3:
            try:
                data[at:at + value].decode("utf-8")
            except UnicodeDecodeError:
                raise Bad("malformed") from None
        return at + value
    if major == 4:
        for _ in range(value):
            at = walk(data, at, depth + 1)
    if major == 5:
        before = None
        for _ in range(value):
            key_at, at = at, walk(data, at, depth + 1)
            need(data[key_at] >> 5 in (0, 1))  # maps have integer keys
            need(before is None or before < data[key_at:at])
            before = data[key_at:at]
            at = walk(data, at, depth + 1)
    return at


def cbor(data):
    need(walk(data, 0, 0) == len(data))
    return cbor2.loads(data)


# Shapes of values: functions from a decoded value to whether it has that shape.
def uint(bits=64):
    return lambda v: type(v) is int and 0 <= v < 1 << bits


def blob(size=None):
    return lambda v: type(v) is bytes and size in (None, len(v))


def text(v):
    return type(v) is str


def flag(v):
    return type(v) is bool


def instant(v):
    return type(v) is int and -(1 << 63) <= v < 1 << 63


def to(last):
    return lambda v: type(v) is int and 0 <= v <= last


def many(shape):
    return lambda v: type(v) is list and all(map(shape, v))


def row(*shapes):
    """A record as an array; what a later version puts behind is skipped."""
    return lambda v: type(v) is list and len(v) >= len(shapes) and all(s(x) for s, x in zip(shapes, v))


def rec(must, may=None):
    """A map: keys that must be there, and keys that may; null is read as absent."""
    may = may or {}
    return lambda v: (type(v) is dict and all(k in v and s(v[k]) for k, s in must.items())
                      and all(s(v[k]) for k, s in may.items() if v.get(k) is not None))


def present(value, *keys):
    """What stands there under these keys."""
    return [value[key] for key in keys if value.get(key) is not None]


U8, U16, U32, U64 = uint(8), uint(16), uint(32), uint(64)
ID, DIGEST, BYTES8, NONCE, KEY = blob(16), blob(32), blob(8), blob(16), blob(32)
INTERVAL = row(instant, instant)
READING = row(instant, U32, U64, to(2))
HEAD = rec({0: U64, 1: DIGEST})
MODE, FORM = to(2), to(2)
PASS_FACTS = rec({0: INTERVAL, 1: instant, 2: many(ID), 3: flag})
REQUEST = rec({0: to(1), 2: to(2), 3: to(2), 6: U8}, {1: FORM, 4: PASS_FACTS, 5: instant})
GRANT_FACTS = rec({0: many(ID), 2: to(4)}, {1: INTERVAL})
FACTS = rec({0: DIGEST, 1: ID, 2: MODE, 3: U8, 4: U32, 7: flag, 8: flag, 9: many(GRANT_FACTS), 10: flag},
            {5: U32, 6: to(2), 11: flag})
DECISION = rec({0: REQUEST, 1: FACTS, 2: many(U8), 4: BYTES8, 5: U64}, {3: U32})
GATEWAY = rec({0: ID, 1: KEY})
DEVICE = rec({0: ID, 1: to(3), 2: ID, 4: DIGEST}, {3: to(1), 5: ID, 6: ID})
ENDED = rec({0: ID, 1: ID, 2: U64, 3: U64, 4: DIGEST})
OPENED = rec({0: text, 1: blob(), 3: many(GATEWAY), 4: many(DEVICE), 5: ID},
             {2: rec({0: text, 1: HEAD}), 6: HEAD, 7: many(ENDED)})
REVOKED, CUT = rec({0: ID}, {1: rec({0: ID, 1: U64})}), rec({0: NONCE})
KEYRING = rec({0: U8, 1: ID, 2: U64, 3: many(rec({0: to(5), 1: KEY}, {2: text}))})
EVENT = rec({0: U16, 1: READING, 2: BYTES8}, {3: U32, 4: U64, **{n: ID for n in (5, 6, 7, 8)},
                                            **{n: DIGEST for n in (9, 10, 11, 12)}})
SEAL = rec({1: ID, 2: ID, 3: ID, 4: U64, 5: U64, 6: DIGEST, 8: many(blob())}, {7: HEAD})


# ------------------------------------------------------------------------------------------------------- keys and seals

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P


def usable(key):
    """Whether these 32 bytes are no point of small order; what is no point at all verifies nothing."""
    y = (int.from_bytes(key, "little") & (1 << 255) - 1) % P
    v = pow(D * y * y + 1, P - 2, P)
    xx = (y * y - 1) * v % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != xx:
        return True
    for _ in range(3):  # eight times the point
        t = D * x * x * y * y % P
        x, y = 2 * x * y * pow(1 + t, P - 2, P) % P, (y * y + x * x) * pow(1 - t, P - 2, P) % P
    return (x, y) != (0, 1)


def good(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def kid(key):
    return sha(key)[:8]


def sign1(data):
    """(protected, kid, payload, signature) of a COSE_Sign1."""
    value = cbor(data)
    need(type(value) is list and len(value) == 4)
    protected, unprotected, payload, signature = value
    need(type(protected) is bytes and unprotected == {} and type(unprotected) is dict)
    need(type(payload) is bytes and type(signature) is bytes)
    header = cbor(protected)
    need(type(header) is dict)
    need(header.get(1) == -19, "algorithm")
    need(set(header) == {1, 4} and blob(8)(header[4]) and len(signature) == 64)
    return protected, header[4], payload, signature


class Seal:
    def __init__(self, index, data):
        need(len(data) <= MAX_SEAL)
        self.index, self.leaf = index, leaf_hash(data)
        self.protected, self.kid, self.payload, self.signature = sign1(data)
        value = cbor(self.payload)
        need(type(value) is dict and U64(value.get(0)))
        need(value[0] == 1, "version")
        need(SEAL(value) and value[4] >= 1 and value[5] >= 1 and len(value[8]) <= MAX_EVENTS)
        self.site, self.gateway, self.stream, self.no, self.first, self.previous = (value[n] for n in range(1, 7))
        self.events = value[8]

    def signed_by(self, key):
        return good(key, self.signature, cbor2.dumps(["Signature1", self.protected, b"sekisho/seal/v1", self.payload]))


def leaf_hash(data):
    return sha(b"\0", data)


def event(data):
    need(len(data) <= MAX_EVENT)
    value = cbor(data)
    need(EVENT(value))
    return value


# ------------------------------------------------------------------------------------------------ notes and trust file (§4)


def b64(line):
    try:
        data = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise Bad("malformed") from None
    need(base64.b64encode(data).decode() == line)
    return data


def decimal(word, bits=64):
    need(re.fullmatch(r"0|[1-9][0-9]{0,19}", word) and int(word) < 1 << bits)
    return int(word)


def is_name(word):
    return bool(word) and "+" not in word and not any(c.isspace() for c in word)


class Checkpoint:
    """The text of a head: three lines."""

    def __init__(self, words):
        lines = words.split("\n")
        need(len(lines) == 4 and lines[3] == "")
        self.origin, self.size, self.root = lines[0], decimal(lines[1]), b64(lines[2])
        need(is_name(self.origin) and len(self.origin.encode()) <= 255 and not has_control(self.origin))
        need(len(self.root) == 32 and (self.size or self.root == sha()))


def has_control(word):
    return any(ord(c) < 32 or 127 <= ord(c) < 160 for c in word)


class Note:
    def __init__(self, data):
        need(len(data) <= MAX_NOTE and data.endswith(b"\n"))
        try:
            whole = data.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad("malformed") from None
        need(not any(ord(c) < 32 and c != "\n" for c in whole))
        head, gap, tail = whole.rpartition("\n\n")
        need(gap)
        self.text, self.signatures = head + "\n", []
        for line in tail[:-1].split("\n"):
            mark, _, rest = line.partition(" ")
            name, space, code = rest.partition(" ")
            need(mark == "—" and space and is_name(name))
            decoded = b64(code)
            need(len(decoded) >= 5)
            self.signatures.append((name, decoded[:4], decoded[4:]))
        need(len(self.signatures) <= 64)

    def believed(self, trust):
        """The checkpoint, and the names of the witnesses that cosigned it: its form, its signatures, then its three lines."""
        signers, unknown, seen = set(), False, set()
        for name, key_id, signature in self.signatures:
            kind, key = trust.logs.get((name, key_id), (None, None))
            if kind == 1:
                need(good(key, signature, self.text.encode()), "signature")
                signers.add(name)
            unknown = unknown or kind not in (None, 1)
        need(signers or not unknown, "algorithm")
        need(signers, "signer")
        checkpoint = Checkpoint(self.text)
        need(checkpoint.origin in signers, "other")
        for name, key_id, signature in self.signatures:
            kind, key, label = trust.cosigners.get((name, key_id), (None, None, None))
            if kind == 4:
                time = int.from_bytes(signature[:8], "big")
                need(len(signature) == 72 and 0 < time < 1 << 63, "signature")
                message = f"cosignature/v1\ntime {time}\n{self.text}"
                need(good(key, signature[8:], message.encode()), "signature")
                seen.add(label)
        return checkpoint, seen


def unbelieved(data):
    """What a head that is not believed says, so that the other checks can say what else is wrong."""
    try:
        return Checkpoint(data.decode("utf-8").rpartition("\n\n")[0] + "\n")
    except (UnicodeDecodeError, Bad):
        return None


class Trust:
    def __init__(self, data):
        need(len(data) <= MAX_NOTE and data.endswith(b"\n"))
        self.logs, self.cosigners, self.groups = {}, {}, {}
        self.quorum, log_keys, witness_keys, names, grouped = None, set(), set(), set(), set()
        for line in data.decode("utf-8", "surrogateescape")[:-1].split("\n"):
            need(not any((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in line))
            words = [word for word in re.split("[ \t]+", line) if word]
            if not words or words[0].startswith("#"):
                continue
            what, words = words[0], words[1:]
            if what == "log":
                need(1 <= len(words) <= 2)
                name, key_id, kind, key = self.vkey(words[0], log_keys)
                self.logs[name, key_id] = kind, key
            elif what == "witness":
                need(2 <= len(words) <= 3 and words[0] not in names and words[0] != "none")
                name, key_id, kind, key = self.vkey(words[1], witness_keys)
                need(kind in (4, 6))
                names.add(words[0])
                self.cosigners[name, key_id] = kind, key, words[0]
            elif what == "group":
                need(len(words) >= 3 and words[0] not in names and words[0] != "none")
                members = words[2:]
                need(len(set(members)) == len(members) and set(members) <= names and not set(members) & grouped)
                least = {"any": 1, "all": len(members)}.get(words[1]) or decimal(words[1])
                need(1 <= least <= len(members))
                names.add(words[0])
                grouped |= set(members)
                self.groups[words[0]] = least, members
            else:
                need(what == "quorum" and len(words) == 1 and self.quorum is None)
                need(words[0] == "none" or words[0] in names)
                self.quorum = words[0]
        need(self.quorum is not None)

    @staticmethod
    def vkey(word, keys):
        name, key_id, code = word.split("+", 2)
        need(is_name(name) and re.fullmatch("[0-9a-f]{8}", key_id))
        data = b64(code)
        need(len(data) >= 2 and sha(name.encode(), b"\n", data)[:4].hex() == key_id and data[1:] not in keys)
        need(data[0] not in (1, 4) or (len(data) == 33 and usable(data[1:])))
        keys.add(data[1:])
        return name, bytes.fromhex(key_id), data[0], data[1:]

    def witnessed(self, seen, name=None):
        name = name or self.quorum
        if name in self.groups:
            least, members = self.groups[name]
            return sum(self.witnessed(seen, member) for member in members) >= least
        return name == "none" or name in seen


# ------------------------------------------------------------------------------------------------------------ the ZIP (§5)


def unzip(data):
    """[(name, bytes)] in the order of the bytes."""
    need(data[:4] in (b"PK\3\4", b"PK\5\6") or data[-22:-18] == b"PK\5\6", "not_a_zip")
    need(len(data) >= 22 and data[-22:-18] == b"PK\5\6", "zip_shape")
    disk, disk2, here, count, size, start, comment = struct.unpack("<4H2IH", data[-18:])
    need(disk == disk2 == comment == 0 and here == count <= MAX_FILES + 1, "zip_shape")
    need(start + size + 22 == len(data), "zip_shape")
    listed, at = [], start
    for _ in range(count):
        need(at + 46 <= start + size, "zip_shape")
        sign, _, _, flags, method, _, crc, packed, plain, name_len, extra, note, disk, _, outside, offset = struct.unpack(
            "<4s4H4I5H2I", data[at:at + 46])
        need(sign == b"PK\1\2" and extra == note == disk == method == 0 and flags in (0, 0x800), "zip_shape")
        need(packed == plain and outside >> 28 in (0, 8) and not outside & 16, "zip_shape")  # no link, no directory
        need(at + 46 + name_len <= start + size, "zip_shape")
        listed.append((offset, data[at + 46:at + 46 + name_len], flags, crc, plain))
        at += 46 + name_len
    need(at == start + size, "zip_shape")
    files, at = [], 0
    for offset, name, flags, crc, plain in sorted(listed):
        body = at + 30 + len(name)
        need(offset == at and body + plain <= start, "zip_shape")
        head = struct.unpack("<4s3HI3I2H", data[at:at + 30])
        need(head[0] == b"PK\3\4" and head[2:4] == (flags, 0), "zip_shape")
        need(head[5:] == (crc, plain, plain, len(name), 0) and data[at + 30:body] == name, "zip_shape")
        at = body + plain
        try:
            files.append((name.decode("utf-8"), data[body:at]))
        except UnicodeDecodeError:
            raise Bad("zip_shape") from None
    need(at == start, "zip_shape")
    return files


def misnamed(path):
    """The problem of a name that is no path of a bundle; none for one that is."""
    if limit(path) is not None:
        return None
    unsafe = path.startswith("/") or ".." in path.split("/") or re.search(r"[\\:]", path) or has_control(path)
    return "unsafe_name" if unsafe else "unknown_file"


def limit(path):
    """How long this file may be; none for a path that does not belong to a bundle."""
    fixed = {"README.en.txt": 65536, "README.ja.txt": 65536, "manifest.json": 16 << 20, "site/checkpoint.end": MAX_NOTE,
             "site/checkpoint.start": MAX_NOTE, "openings/openings.txt": MAX_OPENINGS}
    if path in fixed:
        return fixed[path]
    shape = re.fullmatch(r"site/tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", path)
    if not shape or shape[2].startswith("x000/") or int(shape[3] or 1) > 255:
        return None
    if shape[1] != "entries" and int(shape[1]) > 63:
        return None
    return int(shape[3] or 256) * (49154 if shape[1] == "entries" else 32)


def tile_path(level, number, width):
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i:i + 3] for i in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    return f"site/tile/{level}/{path}" + (f".p/{width}" if width < 256 else "")


def widths(count):
    return [256] * (count // 256) + [count % 256] * (count % 256 > 0)


def tree(hashes):
    if len(hashes) <= 1:
        return hashes[0] if hashes else sha()
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return sha(b"\1", tree(hashes[:half]), tree(hashes[half:]))


def manifest(data):
    pairs = json.loads(data.decode("utf-8"))
    need(type(pairs) is dict and U64(pairs.get("version")))
    need(pairs["version"] == 1, "manifest_version")
    need(set(pairs) - {"nonce"} == {"created_at", "files", "from", "origin", "site", "to", "version"})
    need(text(pairs["created_at"]) and text(pairs["origin"]) and text(pairs["site"]))
    need(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", pairs["created_at"]))
    datetime.datetime.strptime(pairs["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
    need(U64(pairs["from"]) and U64(pairs["to"]) and type(pairs["files"]) is list and len(pairs["files"]) <= MAX_FILES)
    need("nonce" not in pairs or (text(pairs["nonce"]) and re.fullmatch("[0-9a-fA-F]{32}", pairs["nonce"])))
    site_of(pairs["site"])
    need(all(type(it) is dict and list(it) == ["path", "sha256", "size"] for it in pairs["files"]))
    need(all(text(it["path"]) and text(it["sha256"]) and U64(it["size"]) for it in pairs["files"]))
    seen = {"manifest.json"}
    for file in pairs["files"]:
        path = file["path"]
        need(not misnamed(path), misnamed(path))
        need(path not in seen, "name_twice")
        need(file["size"] <= limit(path), "file_too_long")
        need(re.fullmatch("[0-9a-f]{64}", file["sha256"]))
        seen.add(path)
    pairs["files"].sort(key=lambda it: it["path"].encode())
    need((json.dumps(dict(sorted(pairs.items())), ensure_ascii=False, indent=2) + "\n").encode() == data)
    return pairs


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def unid(word):
    need(len(word) == 26 and word[0] in "01234567" and all(c in ALPHABET for c in word))
    number = 0
    for c in word:
        number = number * 32 + ALPHABET.index(c)
    return number.to_bytes(16, "big")


def origin_site(origin):
    """The site that the name of a log names."""
    parts = origin.rsplit("/", 2)
    need(len(parts) == 3 and parts[0] and parts[2].startswith("fy"))
    return NIL if parts[1] == "operator" else unid(parts[1])


def site_of(word):
    need(word.startswith("sit_"))
    return unid(word[4:])


def unpadded(line):
    """Bytes of unpadded base64url in its one spelling."""
    need(re.fullmatch(rb"[A-Za-z0-9_-]*", line))
    try:
        data = base64.urlsafe_b64decode(line + b"=" * (-len(line) % 4))
    except binascii.Error:
        raise Bad("malformed") from None
    need(base64.urlsafe_b64encode(data).rstrip(b"=") == line)
    return data


def opening(line):
    """Whether these bytes are an opening (§6)."""
    try:
        need(len(line) <= 1280)
        parts = json.loads(unpadded(line).decode("utf-8"))
        return many(text)(parts) and len(parts) == 3 and len(unpadded(parts[0].encode())) >= 16
    except (Bad, ValueError, RecursionError):
        return False
