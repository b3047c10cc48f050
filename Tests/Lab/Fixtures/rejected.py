"""A listed client that is rejected: what it was told, and how long it waited for that.

Further addresses are of clients that have been greeted before and are silent meanwhile.
"""

import argparse
import json
import time

from dialogue import Client

arguments = argparse.ArgumentParser()
arguments.add_argument("source")
arguments.add_argument("others", nargs="*")
arguments.add_argument("--recipient", default="bob@mail.example")
arguments = arguments.parse_args()
silent = [Client(source) for source in arguments.others]
for other in silent:
    other.reply()
client = Client(arguments.source)
client.reply()
client.ask(b"EHLO zombie.example")
client.ask(b"MAIL FROM:<a@sender.example>")
begin = time.monotonic()
reply = client.ask(f"RCPT TO:<{arguments.recipient}>".encode())
print(json.dumps({"reply": reply, "seconds": time.monotonic() - begin}))
time.sleep(1)  # it stays, as zombies do
