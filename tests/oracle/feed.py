"""Reads a calendar feed as others do. `parse FILE` prints its events as JSON; `import URL FILE` puts every event into a CalDAV
collection as a calendar program would, asks for all of them back, and prints those.

The zones of the feed are read twice: by their names, and from the VTIMEZONE components alone (renamed, so that nobody knows the
name). Both have to give the same instants.
"""

import json
import re
import sys
import urllib.request
import xml.etree.ElementTree as ElementTree

import icalendar


def read(text: str) -> list[dict]:
    found = []
    for event in icalendar.Calendar.from_ical(text).walk("VEVENT"):
        if event.errors:
            raise SystemExit(f"errors in an event: {event.errors}")
        start, end = event.decoded("dtstart"), event.decoded("dtend")
        found.append({
            "uid": str(event["uid"]),
            "start": int(start.timestamp() * 1000),
            "end": int(end.timestamp() * 1000),
            "sequence": int(event["sequence"]),
            "status": str(event["status"]),
            "summary": str(event["summary"]),
            "location": str(event["location"]),
            "changed": int(event.decoded("last-modified").timestamp() * 1000),
        })
    return sorted(found, key=lambda it: (it["start"], it["uid"]))


def unnamed(text: str) -> str:
    """The same feed with zone names that no database has."""
    return re.sub(r"TZID([:=])([A-Za-z_]+)/", r"TZID\1Nowhere/\2-", text)


def parse(text: str) -> list[dict]:
    if not text.endswith("\r\n") or re.search(r"[^\r]\n|\r[^\n]", text):
        raise SystemExit("a line that does not end with CRLF")
    long = [line for line in text.split("\r\n") if len(line.encode()) > 75]
    if long:
        raise SystemExit(f"lines of more than 75 octets: {long}")
    by_name, by_rules = read(text), read(unnamed(text))
    if by_name != by_rules:
        raise SystemExit(f"the rules of a zone say something else than its name:\n{by_name}\n{by_rules}")
    return by_name


def request(method: str, url: str, body: str, headers: dict) -> str:
    ask = urllib.request.Request(url, data=body.encode(), method=method, headers=headers)
    with urllib.request.urlopen(ask, timeout=20) as answer:
        return answer.read().decode()


def put(url: str, text: str) -> None:
    feed = icalendar.Calendar.from_ical(text)
    for event in feed.walk("VEVENT"):
        one = icalendar.Calendar()
        for name in ("version", "prodid", "calscale"):
            one.add(name, feed[name])
        # No METHOD: a stored event is no message (RFC 4791 §4.1).
        for part in feed.walk("VTIMEZONE"):
            one.add_component(part)
        one.add_component(event)
        name = re.sub(r"[^A-Za-z0-9]", "-", str(event["uid"]))
        request("PUT", f"{url}{name}.ics", one.to_ical().decode(), {"Content-Type": "text/calendar; charset=utf-8"})


def report(url: str) -> list[dict]:
    query = (
        '<?xml version="1.0"?><c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">'
        "<d:prop><c:calendar-data/></d:prop>"
        '<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"/></c:comp-filter></c:filter>'
        "</c:calendar-query>"
    )
    answer = request("REPORT", url, query, {"Content-Type": "application/xml", "Depth": "1"})
    data = ElementTree.fromstring(answer).iter("{urn:ietf:params:xml:ns:caldav}calendar-data")
    found = [event for it in data for event in read(it.text)]
    return sorted(found, key=lambda it: (it["start"], it["uid"]))


def main() -> None:
    what, *rest = sys.argv[1:]
    with open(rest[-1], encoding="utf-8", newline="") as file:
        text = file.read()
    if what == "import":
        put(rest[0], text)
        found = report(rest[0])
    else:
        found = parse(text)
    print(json.dumps(found))


main()
