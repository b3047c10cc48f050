"""Whether a client from each of these addresses gets the server's greeting within a few seconds."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

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


if __name__ == "__main__":
    sources = sys.argv[1:]
    with ThreadPoolExecutor(len(sources)) as together:
        print(json.dumps(dict(zip(sources, together.map(greeted, sources)))))
