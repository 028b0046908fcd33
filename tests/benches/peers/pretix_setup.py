"""Makes one event for each number of seats in pretix, and a token, and prints them as one JSON line.

    python pretix_setup.py 100 2000 20000      (in pretix's own environment, PRETIX_CONFIG_FILE set)
"""
import json
import os
import sys
from datetime import timedelta
from decimal import Decimal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pretix.settings")
import django

django.setup()

from django.utils.timezone import now
from django_scopes import scopes_disabled
from pretix.base.models import Event, Organizer, Seat, SeatCategoryMapping, SeatingPlan, Team


def event_with_seats(organizer, size):
    """One event is one day: whoever has a ticket for a seat has it for the whole of it."""
    slug = f"office{size}"
    event = Event.objects.create(
        organizer=organizer, name=slug, slug=slug, currency="EUR", live=True,
        date_from=now() + timedelta(days=7), plugins="", is_public=True,
    )
    for key, value in (("timezone", "Asia/Tokyo"), ("locales", ["en"]), ("locale", "en")):
        event.settings.set(key, value)
    layout = {"name": slug, "categories": [{"name": "desk", "color": "#888888"}], "zones": [], "size": {"width": 1, "height": 1}}
    event.seating_plan = SeatingPlan.objects.create(organizer=organizer, name=slug, layout=json.dumps(layout))
    event.save()
    item = event.items.create(name="Seat", default_price=Decimal("0.00"), admission=True)
    event.quotas.create(name="Seats", size=None).items.add(item)
    SeatCategoryMapping.objects.create(event=event, layout_category="desk", product=item)
    Seat.objects.bulk_create(
        [
            Seat(event=event, seat_number=str(n), row_name="1", zone_name="A", product=item, seat_guid=f"s{n}", sorting_rank=n)
            for n in range(size)
        ],
        batch_size=2000,
    )
    door = event.checkin_lists.create(name="door", all_products=True)
    return {"slug": slug, "item": item.pk, "list": door.pk}


with scopes_disabled():
    organizer = Organizer.objects.create(name="Bench", slug="bench")
    team = Team.objects.create(organizer=organizer, name="api", all_events=True)
    for field in Team._meta.fields:
        if field.name.startswith("can_") or field.name in ("all_event_permissions", "all_organizer_permissions"):
            setattr(team, field.name, True)
    team.save()
    token = team.tokens.create(name="bench").token
    events = {size: event_with_seats(organizer, int(size)) for size in sys.argv[1:]}
    print(json.dumps({"token": token, "events": events}))
