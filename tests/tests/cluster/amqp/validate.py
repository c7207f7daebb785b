"""Says of each line on standard input whether it obeys a JSON Schema, with a validator that is not ours.

Usage: validate.py SCHEMA. Prints `valid` or `invalid` for each line, and on standard error why. Ends with an error when
the schema itself is none of JSON Schema 2020-12.
"""

import json
import sys

import jsonschema_rs


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for line in sys.stdin:
        instance = json.loads(line)
        print("valid" if validator.is_valid(instance) else "invalid")
        for error in validator.iter_errors(instance):
            print(error.message, file=sys.stderr)


main()
