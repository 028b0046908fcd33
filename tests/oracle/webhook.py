"""Verifies messages as a receiver does, with the specification's own library. Reads a JSON array of {secret, headers, body} from
FILE; exits 0 when every one is sound, and no changed one is taken."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

with open(sys.argv[1], encoding="utf-8") as file:
    messages = json.load(file)
for message in messages:
    hook = Webhook(message["secret"])
    hook.verify(message["body"], message["headers"])
    try:
        hook.verify(message["body"].replace("booking", "visit", 1), message["headers"])
    except WebhookVerificationError:
        continue
    raise SystemExit("a changed message was taken")
print(len(messages))
