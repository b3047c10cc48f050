"""A listed client that is rejected, and what it was told."""

import json
import sys

from dialogue import Client

client = Client(sys.argv[1])
client.reply()
client.ask(b"EHLO zombie.example")
print(json.dumps({"reply": client.deliver()[-1]}))
