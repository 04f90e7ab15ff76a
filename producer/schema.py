"""Exports the JSON Schema of the message in: `python -m producer.schema > docs/image-message.schema.json`."""

import json
import sys
from typing import Any

from producer.messages import ImageMessage


def message_schema() -> dict[str, Any]:
    """Give the JSON Schema of an image message, with its dialect; fields that are not set are left out."""
    schema = ImageMessage.model_json_schema()
    for name, field in schema["properties"].items():
        if "anyOf" in field:
            told = {"description": field["description"], "title": field["title"]}
            schema["properties"][name] = {**field["anyOf"][0], **told}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(message_schema(), indent=2) + "\n")
