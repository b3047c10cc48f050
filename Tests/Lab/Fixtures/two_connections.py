"""Two connections of one listed peer: one logs in, the other is rejected, then the first delivers.

Then a second listed peer delivers after a log-in, and is rejected on a connection without one.
"""

import json
import sys

from dialogue import Client


def main(first, second):
    user = Client(first)
    greeting = user.reply()
    user.ask(b"EHLO mx.sender.example")
    logged_in = user.log_in()

    zombie = Client(first)
    zombie.reply()
    zombie.ask(b"EHLO zombie.example")
    refused = zombie.deliver()[-1]
    zombie_end = zombie.end()
    delivered = user.deliver()[-1]

    roaming = Client(second)
    roaming.reply()
    roaming.ask(b"EHLO mx.sender.example")
    roaming.log_in()
    roaming_delivered = roaming.deliver()[-1]
    roaming.send(b"QUIT")
    # Without the log-in, from the same address.
    careless = Client(second)
    careless.reply()
    careless.ask(b"EHLO mx.sender.example")
    careless_refused = careless.deliver()[-1]
    careless_goes_on = careless.ask(b"NOOP")

    print(json.dumps({
        "greeting": greeting, "logged_in": logged_in,
        "user": {"port": user.port, "delivered": delivered, "quit": user.ask(b"QUIT")},
        "zombie": {"port": zombie.port, "refused": refused, "end": zombie_end},
        "roaming": {"delivered": roaming_delivered},
        "careless": {"refused": careless_refused, "goes_on": careless_goes_on},
    }))


main(*sys.argv[1:])
