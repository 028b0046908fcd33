"""Makes one building of rooms for each number in Indico's room booking, and people with tokens, and prints them as one JSON line.

    python indico_setup.py PEOPLE 100 2000 20000      (in Indico's own environment, INDICO_CONFIG set)
"""
import json
import sys

from indico.core.db import db
from indico.core.oauth.models.personal_tokens import PersonalToken
from indico.modules.rb.models.locations import Location
from indico.modules.rb.models.rooms import Room
from indico.modules.users.operations import create_user
from indico.web.flask.app import make_app


def person(n):
    user = create_user(
        f"bench{n}@office.example", {"first_name": "Bench", "last_name": str(n), "affiliation": ""}, from_moderation=False
    )
    db.session.flush()
    return user


with make_app().app_context():
    people = [person(n) for n in range(int(sys.argv[1]))]
    tokens = [PersonalToken(user=user, name="bench", scopes={"full:everything"}).generate_token() for user in people]
    location = Location(name="Office", room_name_format="{site}/{building}/{floor}-{number}")
    db.session.add(location)
    rooms = {
        size: [
            Room(location=location, building=size, floor="1", number=str(n), owner=people[0], capacity=1, is_reservable=True,
                 notifications_enabled=False, protection_mode=0)
            for n in range(int(size))
        ]
        for size in sys.argv[2:]
    }
    for some in rooms.values():
        db.session.add_all(some)
    db.session.commit()
    print(json.dumps({"tokens": tokens, "rooms": {size: [room.id for room in some] for size, some in rooms.items()}}))
