"""Judges what domain/tests/local_time.rs says of local times and series, with zoneinfo and dateutil.

Reads lines, prints one JSON object with what was compared, and exits 1 when anything differs. Zones come from the PyPI package
tzdata, never from the machine, and have to be of the same release as those of the program.
"""

import json
import sys
import zoneinfo
from datetime import date, datetime, timedelta

import tzdata
from dateutil.rrule import rrulestr

zoneinfo.reset_tzpath([])
EPOCH = datetime(1970, 1, 1)
DAY = timedelta(days=1)
DAYS_MAX, OCCURRENCES_MAX = timedelta(days=3653), 366
counts = dict.fromkeys(["zones", "local_times", "gaps", "folds", "days", "odd_days", "series", "occurrences", "shifted", "refused_series"], 0)
differences = []
known = set()


def differs(what, ours, theirs):
    differences.append(f"{what}: {ours} here, {theirs} in Python")


def ms(at):
    return (at - EPOCH) // timedelta(milliseconds=1)


def resolve(zone, naive):
    """The earlier and the later instant, and g for skipped, f for doubled, u for neither."""
    first = naive.replace(tzinfo=zone, fold=0).utcoffset()
    second = naive.replace(tzinfo=zone, fold=1).utcoffset()
    if first == second:
        return ms(naive - first), ms(naive - first), "u"
    if first < second:  # the offset before the gap: shifted forward by it
        return ms(naive - first), ms(naive - first), "g"
    return ms(naive - first), ms(naive - second), "f"


def local(name, zone, words):
    naive = EPOCH + timedelta(seconds=int(words[1]))
    theirs = resolve(zone, naive)
    ours = (int(words[2]), int(words[3]), words[4])
    counts["local_times"] += 1
    counts["gaps"] += theirs[2] == "g"
    counts["folds"] += theirs[2] == "f"
    if ours != theirs:
        differs(f"{name} {naive}", ours, theirs)


def same_offset(name, zone, words):
    """Every so many hours of every so many days: one offset, nothing skipped or doubled."""
    day, number, step, hours, offset = date.fromisoformat(words[1]), *map(int, words[2:])
    offset, step = timedelta(seconds=offset), timedelta(days=step)
    for _ in range(number):
        for hour in range(0, 24, hours):
            at = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            if not at.utcoffset() == offset == at.replace(fold=1).utcoffset():
                differs(f"{name} {at}", offset, (at.utcoffset(), at.replace(fold=1).utcoffset()))
        counts["local_times"] += len(range(0, 24, hours))
        day += step


def length(name, zone, words):
    day = datetime.fromisoformat(words[1])
    theirs = resolve(zone, day + DAY)[0] - resolve(zone, day)[0]
    counts["days"] += 1
    counts["odd_days"] += theirs != 86_400_000
    if int(words[2]) != theirs:
        differs(f"{name} length of {day}", words[2], theirs)


def expand(zone, first, starts_s, fold, rule):
    """The days of a rule, or the code of a refusal."""
    parts = dict(part.split("=") for part in rule.split(";"))
    last = first + DAYS_MAX
    until = parts.get("UNTIL")
    at = None
    if until and until.endswith("Z"):
        at = datetime.strptime(until, "%Y%m%dT%H%M%SZ")
        parts["UNTIL"] = at.replace(tzinfo=zoneinfo.ZoneInfo("UTC")).astimezone(zone).strftime("%Y%m%d")
    if until and datetime.strptime(parts["UNTIL"], "%Y%m%d") > last:
        return "series_too_long"
    days = []
    for day in rrulestr(";".join("=".join(part) for part in parts.items()), dtstart=first):
        if day > last:
            break
        if at and resolve(zone, day + timedelta(seconds=starts_s))[fold] > ms(at) + 999:
            continue
        days.append(day)
        if len(days) > OCCURRENCES_MAX:
            return "series_too_long"
    if not days:
        return "series_empty"
    if len(days) < int(parts.get("COUNT", 0)):
        return "series_too_long"
    return days


def series(line):
    name, first, starts_s, ends_s, fold, rule, except_, ours = line[2:].split("|")
    zone = zoneinfo.ZoneInfo(name)
    first, fold = datetime.fromisoformat(first), int(fold == "later")
    starts_s, ends_s = int(starts_s), int(ends_s)
    except_ = set(except_.split(",")) - {""}
    found = expand(zone, first, starts_s, fold, rule)
    if isinstance(found, list) and all(f"{day:%Y-%m-%d}" in except_ for day in found):
        found = "series_empty"
    counts["series"] += 1
    if isinstance(found, str):
        counts["refused_series"] += 1
        theirs = "!" + found
    else:
        said = []
        for day in found:
            start = resolve(zone, day + timedelta(seconds=starts_s))
            end = resolve(zone, day + timedelta(seconds=ends_s))
            during = f"{start[fold]}:{end[fold]}" if start[fold] < end[fold] else "-:-"
            shifted = "g" in (start[2], end[2])
            counts["occurrences"] += 1
            counts["shifted"] += shifted
            said.append(f"{day:%Y-%m-%d}:{during}:{int(shifted)}{int(f'{day:%Y-%m-%d}' in except_)}")
        theirs = ";".join(said)
    if ours != theirs:
        differs(line[2:].rsplit("|", 1)[0], ours, theirs)


def main():
    name = zone = None
    for line in sys.stdin:
        words = line.split()
        match words[0]:
            case "V":
                if words[1] != tzdata.IANA_VERSION:
                    sys.exit(f"the program has tzdata {words[1]}, Python {tzdata.IANA_VERSION}: pin the release of the program")
            case "Z":
                name, zone = words[1], zoneinfo.ZoneInfo(words[1])
                counts["zones"] += 1
                known.add(name)
            case "L":
                local(name, zone, words)
            case "H":
                same_offset(name, zone, words)
            case "D":
                length(name, zone, words)
            case "S":
                series(line.rstrip("\n"))
    for name in sorted(zoneinfo.available_timezones() - known):
        differs(name, "unknown", "a zone")
    print(json.dumps({"tzdata": tzdata.IANA_VERSION, **counts, "differences": len(differences)}))
    for difference in differences[:20]:
        print(difference)
    sys.exit(bool(differences))


main()
