"""Whether a client from each of these addresses gets the server's greeting within a few seconds."""

import json
import sys

from dialogue import Client

SECONDS = 3  # a SYN that is dropped is sent again after one second, and after two more


def greeted(source):
    try:
        client = Client(source, SECONDS)
        answer = client.reply()
        client.close()
        return answer.startswith("220")
    except TimeoutError:
        return False


print(json.dumps({source: greeted(source) for source in sys.argv[1:]}))
