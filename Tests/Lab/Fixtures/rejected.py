"""A listed client that is rejected: what it was told, and how long it waited for that.

Further addresses are of clients that have been greeted before and are silent meanwhile.
"""

import json
import sys
import time

from dialogue import Client

silent = [Client(source) for source in sys.argv[2:]]
for other in silent:
    other.reply()
client = Client(sys.argv[1])
client.reply()
client.ask(b"EHLO zombie.example")
client.ask(b"MAIL FROM:<a@sender.example>")
begin = time.monotonic()
reply = client.ask(b"RCPT TO:<bob@mail.example>")
print(json.dumps({"reply": reply, "seconds": time.monotonic() - begin}))
time.sleep(1)  # it stays, as zombies do
