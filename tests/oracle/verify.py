#!/usr/bin/env python3
"""Verifies a Sekisho evidence bundle. A second verifier, written from docs/EVIDENCE.md, docs/protocol.cddl and
docs/taxonomy.golden.txt; it shares no code with verifier/. It checks every signature, as `sekisho-verify --strict`.

    verify.py BUNDLE --trust FILE [--nonce HEX32] [--json] [--seed S]
"""
import datetime
import json
import pathlib
import re
import sys

from formats import (
    DECISION, GATEWAY, KEYRING, CUT, MAX_BUNDLE, MAX_FILES, MAX_KEYRING, MAX_LINES, MAX_NOTE, NIL, OPENED, REVOKED, ZEROS,
    Bad, Note, Seal, Trust, cbor, event, kid, leaf_hash, limit, manifest, misnamed, need, opening, origin_site, present,
    sha, sign1, site_of, tile_path, tree, unbelieved, unzip, usable, widths,
)

CHECKS = ["V01", "V02", "V03", "V04", "V08", "V09", "V10", "V13", "V15", "V18"]
RANK = ["pass", "skipped", "finding", "cannot", "fail"]
PROBLEMS = {  # problem: (check, state), docs/EVIDENCE.md §7
    name: (check, state)
    for check, state, names in [
        ("V01", "cannot", "unreadable not_a_zip manifest_version"),
        ("V01", "fail", "zip_shape unsafe_name unknown_file name_twice file_too_long manifest_bad unlisted missing "
                        "digest_differs stray_tile manifest_disagrees"),
        ("V02", "fail", "head_missing head_malformed head_signer head_signature"),
        ("V02", "cannot", "head_algorithm head_quorum"),
        ("V03", "fail", "incomplete entries_malformed tile_missing tile_differs root_differs"),
        ("V04", "fail", "start_untrusted start_differs not_opened opened_twice"),
        ("V04", "cannot", "start_cannot"),
        ("V04", "finding", "start_later restored replaced_unsaid after_closing"),
        ("V08", "fail", "seal_malformed"),
        ("V08", "cannot", "seal_version seal_algorithm"),
        ("V08", "finding", "event_malformed event_unknown"),
        ("V09", "fail", "registry_bad log_key_differs seal_key seal_signature event_foreign"),
        ("V09", "finding", "key_added two_gateways seal_after_revocation"),
        ("V10", "fail", "seal_gap event_gap chain_broken stream_start service_stream"),
        ("V13", "finding", "gateway_revoked revoked_short stream_left closed_uncut cut_missing"),
        ("V13", "fail", "nonce_absent"),
        ("V15", "fail", "origin_form other_site unknown_gateway"),
        ("V18", "fail", "opening_bad opening_unmatched"),
    ]
    for name in names.split()
}
BODIES = {"access.denied": DECISION, "gateway.enrolled": GATEWAY, "gateway.revoked": REVOKED}  # and log.cut at the end of a seal
END, START = "site/checkpoint.end", "site/checkpoint.start"


def taxonomy():
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "taxonomy.golden.txt"
    lines = (line.split() for line in page.read_text("utf-8").splitlines())
    return {int(line[1], 16): line[2] for line in lines if line and line[0] == "event"}


class Report:
    def __init__(self):
        self.counts = dict.fromkeys(CHECKS)  # None: the check was not made
        self.problems = {check: [] for check in CHECKS}
        self.head, self.up_to, self.events, self.seals = None, None, 0, 0

    def made(self, *checks, count=0):
        for check in checks:
            self.counts[check] = (self.counts[check] or 0) + count

    def add(self, problem, **place):
        check, _ = PROBLEMS[problem]
        self.made(check)
        self.problems[check].append({"problem": problem, **place})

    def state(self, check):
        states = [PROBLEMS[it["problem"]][1] for it in self.problems[check]]
        return max(states, key=RANK.index, default="skipped" if self.counts[check] is None else "pass")

    def verdict(self):
        states = {self.state(check) for check in CHECKS}
        if "fail" in states:
            return "FAIL", 2
        if states & {"cannot", "skipped"}:
            return "CANNOT-VERIFY", 3
        return ("FINDINGS", 1) if "finding" in states else ("PASS", 0)

    def json(self):
        verdict, code = self.verdict()
        out = {"verdict": verdict, "exit_code": code, "origin": None, "size": None, "root": None, "up_to": self.up_to,
               "checks": [], "events": self.events, "seals": self.seals}
        if self.head:
            out.update(origin=self.head.origin, size=self.head.size, root=self.head.root.hex())
        for check in CHECKS:
            one, problems = {"id": check, "status": self.state(check)}, self.problems[check]
            if self.counts[check] is not None:
                one["count"] = self.counts[check]
            one["problems"] = len(problems)
            if problems:
                one["first_failure"] = next(it for it in problems if PROBLEMS[it["problem"]][1] == one["status"])
            out["checks"].append(one)
        return out


class Stream:
    """What is remembered of one stream."""

    def __init__(self, seal):
        self.no, self.first, self.leaf = seal.no - 1, seal.first, seal.previous  # last seal, next event, last leaf hash
        self.at = self.cut = None  # time of the last event; nonce, number and time of the last cut that counts
        self.closed = False  # its last event closed the log


class Registry:
    """Who may seal, as leaf 0 says, and what follows."""

    def __init__(self, opened):
        self.opened, self.revoked = opened, {}
        need(len(opened[1]) <= MAX_KEYRING)
        ring = cbor(sign1(opened[1])[2])
        need(KEYRING(ring))
        self.site = ring[1]
        self.log_keys = [key[1] for key in ring[3] if key[0] == 0 and key.get(2) == opened[0]][:1]
        self.keys = {NIL: [key[1] for key in ring[3] if key[0] == 1]}
        need(self.keys[NIL] and all(map(usable, self.keys[NIL])))
        for gateway in opened[3]:
            need(gateway[0] not in self.keys and usable(gateway[1]))
            self.keys[gateway[0]] = [gateway[1]]
        self.ends = {(it[0], it[1]): it for it in opened[7]} if present(opened, 7) else None
        self.from_start = set(self.keys) - {NIL}

    def may_continue(self, gateway):
        return bool(present(self.opened, 2)) and gateway in self.from_start

    def is_short(self, gateway, stream, number):
        """Whether a stream without a seal here cannot have ended with this one in the log before."""
        if self.ends is None:
            return not self.may_continue(gateway)
        return self.ends.get((gateway, stream), {2: -1})[2] < number


class Verifier:
    def __init__(self, trust, nonce):
        self.trust, self.nonce, self.names = trust, nonce, taxonomy()
        self.report = Report()
        self.files, self.long, self.compared = {}, set(), set()
        self.registry, self.site, self.start, self.streams, self.unknown = None, None, None, {}, set()
        self.waiting = {}  # digest of an opening: its line

    def run(self, data):
        if not self.packed(data):
            return
        if not self.signed():
            self.compare(self.files)
            return
        self.listed()
        self.openings()
        whole = self.hashed()
        self.compare(self.files)
        if self.registry and self.site not in (None, self.registry.site):
            self.report.add("other_site", leaf=0)
        if whole:
            self.started()
            if self.registry:
                self.ended()
            for line in self.waiting.values():
                self.report.add("opening_unmatched", line=line)

    # V01

    def packed(self, data):
        report = self.report
        try:
            entries = unzip(data)
        except Bad as bad:
            report.add(str(bad))
            return False
        for path, body in entries:
            wrong = misnamed(path) or ("name_twice" if path in self.files else None)
            if wrong:
                report.add(wrong, file=repr(path))
                continue
            self.files[path] = body
            if len(body) > limit(path):
                report.add("file_too_long", file=path)
                self.long.add(path)
        try:
            need("manifest.json" in self.files and "manifest.json" not in self.long)
            self.manifest = manifest(self.files.pop("manifest.json"))
        except (Bad, ValueError, RecursionError) as bad:
            report.add(str(bad) if type(bad) is Bad and str(bad) in PROBLEMS else "manifest_bad")
            return False
        report.made("V01", count=len(self.files))
        self.lines = {file["path"]: file for file in self.manifest["files"]}
        for path in self.lines:
            if path not in self.files:
                report.add("missing", file=path)
        for path in self.files:
            if path not in self.lines:
                report.add("unlisted", file=path)
        return True

    def compare(self, paths):
        """Each file with its line in the manifest, once."""
        for path in paths:
            if path in self.files and path in self.lines and path not in self.compared | self.long:
                self.compared.add(path)
                line, body = self.lines[path], self.files[path]
                if len(body) != line["size"] or sha(body).hex() != line["sha256"]:
                    self.report.add("digest_differs", file=path)

    def content(self, path):
        return None if path in self.long else self.files.get(path)

    def listed(self):
        """What the signed head says about the manifest and the tiles."""
        head, expected, level = self.head, set(), 0
        if self.manifest["origin"] != head.origin or self.manifest["to"] != head.size or self.manifest["from"] > head.size:
            self.report.add("manifest_disagrees")
        short = head.size // 256 <= len(self.files)  # else V03 says that entries are missing
        while short and head.size >> 8 * level:
            of_level = [tile_path(level, n, w) for n, w in enumerate(widths(head.size >> 8 * level))]
            expected.update(of_level)
            expected.update(path.replace("/0/", "/entries/", 1) for path in of_level if level == 0)
            level += 1
        for path in self.files:
            if short and path.startswith("site/tile/") and path not in expected:
                self.report.add("stray_tile", file=path)
        try:
            self.site = origin_site(head.origin)
            if site_of(self.manifest["site"]) != self.site:
                self.report.add("other_site", file="manifest.json")
        except Bad:
            self.report.add("origin_form")

    # V02 and the start of V04

    def signed(self):
        report = self.report
        report.made("V02", count=1)
        self.compare([END, START])
        data = self.content(END)
        if data is None:
            report.add("head_missing")
            return False
        try:
            note = Note(data)
            self.head, seen = note.believed(self.trust)
            if not self.trust.witnessed(seen):
                report.add("head_quorum")
        except Bad as bad:
            report.add("head_" + str(bad).replace("other", "signer"))
            self.head = unbelieved(data)
        report.head = self.head
        if self.head and START in self.files:
            try:
                start, seen = Note(self.content(START) or b"").believed(self.trust)
                need(self.trust.witnessed(seen), "algorithm")
                self.start = start
            except Bad as bad:
                report.add("start_cannot" if str(bad) in ("signer", "algorithm") else "start_untrusted")
        return self.head is not None

    # V03, and with each leaf V08, V09, V10 and V15

    def hashed(self):
        """Whether every leaf was there."""
        report, hashes, entries = self.report, [], widths(min(self.head.size, (MAX_FILES + 1) * 256))
        for number, width in enumerate(entries):
            path = tile_path("entries", number, width)
            data, at, found = self.content(path), 0, []
            if data is None:
                report.add("incomplete", file=path)
                return False
            while at + 2 <= len(data):
                end = at + 2 + int.from_bytes(data[at:at + 2], "big")
                found.append(data[at + 2:end])
                at = end
            if at != len(data) or len(found) != width:
                report.add("entries_malformed", file=path)
                return False
            for leaf in found:
                self.leaf(len(hashes), leaf)
                hashes.append(leaf_hash(leaf))
        report.made("V03", count=len(hashes))
        self.hashes, level = hashes, 0
        while hashes:
            for number, width in enumerate(widths(len(hashes))):
                path = tile_path(level, number, width)
                data = self.content(path)
                if data is None:
                    report.add("tile_missing", file=path)
                elif data != b"".join(hashes[number * 256:number * 256 + width]):
                    report.add("tile_differs", file=path)
            hashes = [tree(hashes[n:n + 256]) for n in range(0, len(hashes) - 255, 256)]
            level += 1
        if tree(self.hashes) != self.head.root:
            report.add("root_differs")
        return True

    def leaf(self, index, data):
        report, place = self.report, {"leaf": index}
        report.made("V08", count=1)
        try:
            seal = Seal(index, data)
        except Bad as bad:
            report.add("seal_" + str(bad), **place)
            if str(bad) != "malformed":
                self.unknown.add(leaf_hash(data))
            elif index == 0:
                report.add("not_opened", **place)
            return
        report.seals += 1
        report.made("V10", "V15", count=1)
        if index == 0:
            self.open(seal)
        registry = self.registry
        service = self.streams.get((NIL, registry.opened[5])) if registry else None
        if service and service.closed:
            report.add("after_closing", **place)
        if self.site not in (None, seal.site):
            report.add("other_site", **place)
        if registry and seal.gateway not in registry.keys:
            report.add("unknown_gateway", **place)
        if registry and seal.gateway in registry.revoked:
            last = registry.revoked[seal.gateway].get(1)
            if not last or last[0] != seal.stream or last[1] < seal.no:
                report.add("seal_after_revocation", **place)
        stream = self.chained(seal)
        self.read(seal, stream)
        if registry:
            report.made("V09", count=1)
            keys = registry.keys.get(seal.gateway, [])
            key = next((key for key in keys if kid(key) == seal.kid), None)
            if keys and key is None:
                report.add("seal_key", **place)
            elif keys and not seal.signed_by(key):
                report.add("seal_signature", **place)
        stream.no, stream.first, stream.leaf = seal.no, seal.first + len(seal.events), seal.leaf

    def open(self, seal):
        try:
            first = event(seal.events[0] if seal.events else b"")
            need(seal.gateway == NIL and self.names.get(first[0]) == "log.opened" and OPENED(first.get(13)))
        except Bad:
            self.report.add("not_opened", leaf=0)
            return
        try:
            self.registry = Registry(first[13])
            self.report.made("V04", count=1)
            if not present(first[13], 6):
                self.alone()
        except Bad:
            self.report.add("registry_bad", leaf=0)

    def alone(self):
        """Of the gateways in leaf 0 one is not revoked, at most."""
        if len(self.registry.from_start - set(self.registry.revoked)) > 1:
            self.report.add("two_gateways", leaf=0)

    def chained(self, seal):
        """V10."""
        report, registry, place = self.report, self.registry, {"leaf": seal.index}
        stream = self.streams.get((seal.gateway, seal.stream))
        if stream is None:
            if registry and seal.gateway == NIL and seal.stream != registry.opened[5]:
                report.add("service_stream", **place)
            wrong = self.wrong_start(seal)
            if wrong and seal.previous not in self.unknown:
                report.add(wrong, **place)
            self.streams[seal.gateway, seal.stream] = stream = Stream(seal)
        elif seal.previous not in self.unknown:
            if seal.no != stream.no + 1:
                report.add("seal_gap", **place)
            elif seal.first != stream.first:
                report.add("event_gap", **place)
            if seal.previous != stream.leaf:
                report.add("chain_broken", **place)
        return stream

    def wrong_start(self, seal):
        first = (seal.no, seal.first, seal.previous) == (1, 1, ZEROS)
        if self.registry is None or self.registry.ends is None:
            may = self.registry is None or self.registry.may_continue(seal.gateway)
            return None if first or (may and seal.no > 1 and seal.previous != ZEROS) else "stream_start"
        end = self.registry.ends.get((seal.gateway, seal.stream))
        if end is None:
            return None if first else "stream_start"
        if seal.no != end[2] + 1:
            return "seal_gap"
        if seal.previous != end[4]:
            return "chain_broken"
        return None if seal.first == end[3] + 1 else "event_gap"

    def read(self, seal, stream):
        """V08 and V09 of the events."""
        report, wanted = self.report, self.wanted()
        for position, data in enumerate(seal.events):
            report.events += 1
            place = {"leaf": seal.index, "event": seal.first + position}
            try:
                it = event(data)
            except Bad:
                report.add("event_malformed", **place)
                continue
            name, body, last = self.names.get(it[0]), it.get(13), position == len(seal.events) - 1
            stream.at, stream.closed = it[1][0], name == "log.closed"
            for digest in present(it, 9, 10, 11, 12):
                self.waiting.pop(digest, None)
            if name is None:
                report.add("event_unknown", code=f"0x{it[0]:04X}", **place)
                continue
            if not may_record(seal.gateway, it[0], name):
                report.add("event_foreign", **place)
            if name == "log.opened" and (seal.index, position) != (0, 0):
                report.add("opened_twice", **place)
            if name == "log.cut" and last:
                if not CUT(body):
                    report.add("event_malformed", **place)
                elif wanted in (None, body[0]):
                    stream.cut = body[0], seal.first + position, stream.at
            elif name in BODIES and (name == "access.denied" or seal.gateway == NIL):
                if not BODIES[name](body):
                    report.add("event_malformed", **place)
                elif self.registry and name == "gateway.enrolled":
                    self.enrol(body[0], body[1], place)
                elif self.registry and name == "gateway.revoked" and body[0] in self.registry.keys and body[0] != NIL:
                    self.registry.revoked.setdefault(body[0], body)

    def enrol(self, gateway, key, place):
        if gateway == NIL or not usable(key):
            self.report.add("registry_bad", **place)
            return
        if gateway not in self.registry.keys and set(self.registry.keys) - {NIL} - set(self.registry.revoked):
            self.report.add("two_gateways", **place)
        keys = self.registry.keys.setdefault(gateway, [])
        if keys and key not in keys:
            self.report.add("key_added", **place)
        if key not in keys:
            keys.append(key)

    # V04 and V13, after the last leaf

    def started(self):
        report, registry, start, head = self.report, self.registry, self.start, self.head
        if head.size == 0:
            report.add("not_opened")
        if not registry:
            return
        opened = registry.opened
        own = start is not None and start.origin == head.origin
        if opened[0] != head.origin:
            report.add("not_opened", leaf=0)
        if len(present(opened, 2, 6)) == 2:
            report.add("restored", leaf=0)
        elif not re.fullmatch("fy[0-9]*", head.origin.rsplit("/", 1)[-1]):
            report.add("replaced_unsaid", leaf=0)
        if present(opened, 6):
            self.alone()
        trusted = [key for (name, _), (kind, key) in self.trust.logs.items() if name == head.origin and kind == 1]
        if trusted and registry.log_keys and registry.log_keys[0] not in trusted:
            report.add("log_key_differs", leaf=0)
        if self.manifest["from"] != (start.size if own else 0):
            report.add("manifest_disagrees")
        if own:
            if start.size > len(self.hashes) or tree(self.hashes[:start.size]) != start.root:
                report.add("start_differs")
        elif start:
            origin, named = (opened[2][0], opened[2][1]) if present(opened, 2) else (None, None)
            if origin == start.origin and named[0] < start.size:
                report.add("start_later")
            elif origin != start.origin or (named[0], named[1]) != (start.size, start.root):
                report.add("start_differs")

    def wanted(self):
        return self.nonce or (bytes.fromhex(self.manifest["nonce"]) if "nonce" in self.manifest else None)

    def ended(self):
        report, registry, wanted = self.report, self.registry, self.wanted()
        server = self.streams.get((NIL, registry.opened[5]))
        if wanted is None and server and server.cut:
            wanted = server.cut[0]
        closed, times = bool(server and server.closed), []
        for sealer in sorted(registry.keys):
            report.made("V13", count=1)
            place, own = {"sealer": sealer.hex()}, {it[1]: s for it, s in self.streams.items() if it[0] == sealer}
            self.left(sealer, own, wanted)
            if sealer in registry.revoked:
                last = registry.revoked[sealer].get(1)
                shown = own.get(last[0]) if last else None
                if last and (shown.no < last[1] if shown else registry.is_short(sealer, last[0], last[1])):
                    report.add("revoked_short", **place)
                report.add("gateway_revoked", **place)
                continue
            stream = server if sealer == NIL else list(own.values())[-1] if own else None
            if stream and stream.cut and stream.cut[0] == wanted:
                times.append(stream.cut[2])
            elif sealer == NIL and closed and self.nonce is None:
                times.append(stream.at)
            else:
                times.append(None)
                report.add("nonce_absent" if self.nonce else "closed_uncut" if closed else "cut_missing", **place)
        if None not in times:
            try:
                moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=min(times))
                report.up_to = moment.isoformat(timespec="milliseconds") + "Z"
            except OverflowError:
                report.up_to = f"{min(times)}ms"  # beyond what a date can say

    def left(self, sealer, own, wanted):
        """Streams of one sealer that were left for a new one; `own` in the order of their first leaves."""
        before = [it[1] for it in self.registry.ends or {} if it[0] == sealer]
        if before and own and next(iter(own)) not in before:
            self.report.add("stream_left", sealer=sealer.hex())
        for stream in list(own.values())[:-1]:
            if not stream.cut or stream.cut[0] != wanted or stream.cut[1] + 1 != stream.first:
                self.report.add("stream_left", sealer=sealer.hex())

    # V18

    def openings(self):
        report, lines = self.report, (self.content("openings/openings.txt") or b"").split(b"\n")
        report.made("V18", count=len(lines) - 1)
        for number, line in enumerate(lines[:-1], 1):
            if not opening(line) or len(self.waiting) >= MAX_LINES:
                report.add("opening_bad", line=number)
            else:
                self.waiting.setdefault(sha(line), number)
        if lines[-1]:
            report.add("opening_bad", line=len(lines))


def may_record(gateway, code, name):
    high = code >> 8
    both = ("device.enrolled", "device.revoked", "policy.activated", "log.cut", "log.closed")
    server = (0x0B <= high <= 0x0E and name not in both) or name == "journal.fork_detected"
    if gateway == NIL:
        return server or not (1 <= high <= 8 or high == 0x0A)
    return not server


# -------------------------------------------------------------------------------------------------------------- command line


def options(words):
    out, paths = {}, []
    words = list(words)
    while words:
        word = words.pop(0)
        if word in ("--json", "--strict"):
            out[word] = True
        elif word in ("--trust", "--nonce", "--seed"):
            need(words and word not in out, "usage")
            out[word] = words.pop(0)
        else:
            need(not word.startswith("-"), "usage")
            paths.append(word)
    need(len(paths) == 1 and "--trust" in out, "usage")
    if "--nonce" in out:
        need(re.fullmatch("[0-9a-fA-F]{32}", out["--nonce"]), "usage")
    return paths[0], out


def bounded(path, most):
    with open(path, "rb") as file:
        data = file.read(most + 1)
    need(len(data) <= most, "file too long")
    return data


def stop(problem):
    print(json.dumps({"verdict": "CANNOT-VERIFY", "exit_code": 3, "error": problem, "checks": []}))
    return 3


def main(words):
    try:
        path, given = options(words)
        trust = Trust(bounded(given["--trust"], MAX_NOTE))
    except Exception as bad:
        return stop(f"usage or trust file: {bad}")
    try:
        verifier = Verifier(trust, bytes.fromhex(given["--nonce"]) if "--nonce" in given else None)
        try:
            data = bounded(path, MAX_BUNDLE)
        except (OSError, Bad):
            verifier.report.add("unreadable")
            data = None
        if data is not None:
            verifier.run(data)
        report = verifier.report.json()
    except Exception as bad:
        return stop(f"internal: {type(bad).__name__}")
    if "--json" in given:
        print(json.dumps(report, ensure_ascii=False))
    else:
        for check in report["checks"]:
            print(check["id"], check["status"], check.get("first_failure", {}).get("problem", ""))
        print(report["verdict"])
    return report["exit_code"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
