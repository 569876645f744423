"""The two kinds of filter that Compute Engine has: `labels.a="x" AND name="y"`, and `(name eq "x.*") (status ne "y")`."""
import functools
import re

from world import Refused

TERM = re.compile(r'([\w.-]+)\s*(=|!=|:|\beq\b|\bne\b)\s*(?:"([^"]*)"|(\S+))')


@functools.lru_cache(maxsize=4096)
def compiled(text):
    terms = [term.strip() for term in re.split(r"\s+AND\s+|(?<=\))\s*(?=\()", text)]
    made, kinds = [], set()
    for term in terms:
        found = TERM.fullmatch(term.removeprefix("(").removesuffix(")"))
        if not found:
            raise Refused(400, "invalid", f"Invalid value for field 'filter': '{text}'. Invalid list filter expression.")
        field, sign, quoted, bare = found.groups()
        value = quoted if quoted is not None else bare
        kinds.add(sign in ("eq", "ne"))
        made.append((field.split("."), sign, re.compile(value) if sign in ("eq", "ne") else value))
    if len(kinds) > 1:
        raise Refused(400, "invalid", "Invalid value for field 'filter': the two kinds cannot be mixed.")
    return made


def holds(text, item):
    for path, sign, value in compiled(text):
        found = item
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        if sign in ("eq", "ne"):
            is_so = found is not None and value.fullmatch(str(found)) is not None
        elif sign == ":":
            is_so = found is not None and (value == "*" or value in str(found))
        else:
            is_so = found is not None and str(found) == value
        if is_so == (sign in ("!=", "ne")):
            return False
    return True


def select(text, items):
    """What of these the filter lets through."""
    return [item for item in items if holds(text, item)] if text else list(items)
