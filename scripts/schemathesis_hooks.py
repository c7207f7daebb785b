"""What JSON Schema cannot say, for scripts/api-check."""

import schemathesis


def whole(value):
    """JSON Schema takes 24.0 for an integer. Keybell refuses it, so that no number is read in two ways."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(element) for element in value]
    if isinstance(value, dict):
        return {name: whole(member) for name, member in value.items()}
    return value


@schemathesis.hook
def map_body(context, body):
    return whole(body)
