"""What wingmark writes and sends, held against the JSON Schemas of docs/. Needs jsonschema."""

import json

import jsonschema
import referencing

from live_run import REPOSITORY


def strict(schema):
    """The same schema, where every object has the keys that it names and no other: a key that is
    new is described."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "object" in schema.get("type", []):
        schema["additionalProperties"] = False
    return schema


def read(name):
    schema = json.loads((REPOSITORY / f"docs/{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return strict(schema)


OBSERVATION, MESSAGES = read("observation"), read("messages")
REGISTRY = referencing.Registry().with_contents([(schema["$id"], schema) for schema in (OBSERVATION, MESSAGES)])


def check(seen, kind=None):
    """`kind` names a message of docs/messages.schema.json; without it, an object is an
    observation."""
    schema = {"$ref": f"wingmark:messages#/$defs/{kind}"} if kind else OBSERVATION
    validator = jsonschema.Draft202012Validator(schema, registry=REGISTRY)
    faults = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(seen)]
    assert not faults, (kind, faults)
    if isinstance(seen, dict):
        assert list(validator.iter_errors({**seen, "unknown": 1})), "the schema lets everything pass"
