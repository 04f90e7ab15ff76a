"""A producer that may be killed at any moment: reads batches from stdin, sends each, and says when it was accepted.

Each line of stdin is a JSON list of URLs; each line of stdout is the number of URLs of the batch that was accepted.
"""

import json
import sys

from producer import NotAcceptedError, Producer


def main(redis_url: str, archive: str, lane: str) -> None:
    """Send until stdin ends; a server that is away is waited for."""
    with Producer(redis_url, archive) as producer:
        for line in sys.stdin:
            urls = json.loads(line)
            while True:
                try:
                    producer.send_many(urls, lane=lane)  # type: ignore[arg-type]  # one of the three lanes
                except NotAcceptedError as error:
                    print(error, file=sys.stderr, flush=True)
                else:
                    break
            print(len(urls), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
