"""Judges what domain/tests/holidays.rs says of Japan's public holidays, with the PyPI packages holidays and jpholiday.

Reads lines `YYYY-MM-DD name`, prints one JSON object with what was compared, and exits 1 when anything differs. (The folder of
this file is taken out of the path: it has the name of a package that is asked.)
"""

import json
import sys
from datetime import date

sys.path = [path for path in sys.path if not path.endswith("oracle")]

import holidays  # noqa: E402
import jpholiday  # noqa: E402

FIRST, LAST = int(sys.argv[1]), int(sys.argv[2])
differences = []
# Days of single acts, whose names everybody writes in their own way.
CEREMONIES = {date(1959, 4, 10), date(1989, 2, 24), date(1990, 11, 12), date(1993, 6, 9), date(2019, 10, 22)}


def kind(name):
    """One name for what others write with the day that it stands for, or in an older way."""
    for word in ("振替休日", "国民の休日"):
        if word in name:
            return word
    return name


def before_its_law(day, name):
    """jpholiday gives two kinds of days from the beginning of time; the amendments are of 12 April 1973 and 27 December 1985."""
    return (name == "振替休日" and day < date(1973, 4, 12)) or (name == "国民の休日" and day < date(1985, 12, 27))


def compare(who, theirs, ours):
    for day in sorted(theirs.keys() | ours.keys()):
        if day in CEREMONIES and theirs.get(day) and ours.get(day):
            continue
        if theirs.get(day) != ours.get(day):
            differences.append(f"{who} {day}: {ours.get(day)} here, {theirs.get(day)} there")


def main():
    ours = {}
    for line in sys.stdin:
        day, name = line.rstrip("\n").split(" ", 1)
        ours[date.fromisoformat(day)] = name
    of_jpholiday = {
        day: kind(name) for year in range(FIRST, LAST + 1) for day, name in jpholiday.year_holidays(year)
    }
    compare("jpholiday", {day: name for day, name in of_jpholiday.items() if not before_its_law(day, name)}, ours)
    of_holidays = holidays.country_holidays("JP", years=range(FIRST, LAST + 1), language="ja")
    compare("holidays", {day: kind(name) for day, name in of_holidays.items()}, ours)
    print(json.dumps({"years": LAST - FIRST + 1, "days": len(ours), "differences": len(differences)}))
    for difference in differences[:40]:
        print(difference)
    sys.exit(bool(differences))


main()
