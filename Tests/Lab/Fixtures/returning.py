"""A listed client that is rejected, waits until its connection is ended, and connects again at once, unless it "stays" away."""

import json
import sys

from dialogue import Client
from greeted import greeted

client = Client(sys.argv[1])
client.reply()
client.ask(b"EHLO zombie.example")
reply = client.deliver()[-1]
end = client.end()
print(json.dumps({"reply": reply, "end": end, "greeted_again": "stays" not in sys.argv and greeted(sys.argv[1])}))
