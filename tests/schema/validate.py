"""What an independent validator says of pipeline files, each read by a YAML 1.2 loader.

Reads {"schema": {...}, "files": ["text", ...]} from standard input, and writes for each file the list of what is wrong:
"/pointer: message"."""

import json
import sys

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def problems(validator, text):
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        return [f"not YAML: {error}"]
    found = validator.iter_errors(tree)
    return sorted("".join(f"/{part}" for part in one.absolute_path) + f": {one.message}" for one in found)


asked = json.load(sys.stdin)
Draft202012Validator.check_schema(asked["schema"])
validator = Draft202012Validator(asked["schema"])
json.dump([problems(validator, text) for text in asked["files"]], sys.stdout)
