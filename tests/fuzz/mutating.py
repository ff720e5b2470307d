"""Changes that know the language: pieces between separators, and values in JSON.

libFuzzer's own change bytes. Most of what that makes is refused at the first glance; these make
what is nearly right.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from random import Random
    from typing import Any

#: Values that say nothing, nearly nothing, or something of the wrong type.
ODD: tuple[object, ...] = (
    *(None, False, True, 0, 1, -1, 1.5, "", "0", "ALL", "host"),
    *([], {}, [None], [""], {"": ""}),
)


def pieces(data: bytes, separators: Sequence[bytes], words: Sequence[str], random: Random) -> bytes:
    """Leave out, replace, put in, exchange or cut what stands between separators."""
    separator = random.choice(separators)
    parts = data.split(separator)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at, where = random.randrange(len(parts)), random.randrange(len(parts))
        new = random.choice((parts[where], random.choice(words).encode()))
        what = random.randrange(5)
        if what == 0 and len(parts) > 1:
            del parts[at]
        elif what == 1:
            parts[at] = new
        elif what == 2:
            parts.insert(at, new)
        elif what == 3:
            parts[at], parts[where] = parts[where], parts[at]
        else:
            cut = random.randrange(len(parts[at]) + 1)
            parts[at] = parts[at][:cut] + random.choice((b"", new))
    return separator.join(parts)


def values(data: bytes, names: Sequence[str], random: Random) -> bytes:
    """Change a value, a name, or what is there at all, in a JSON text; others are returned as such.

    `names` are those that readers look for.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return data
    places = list(_places(document))
    if not places:
        return data
    holder, key = random.choice(places)
    elsewhere, its = random.choice(places)
    new = random.choice((json.loads(json.dumps(elsewhere[its])), *ODD))
    what = random.randrange(4)
    if what == 0:
        del holder[key]
    elif what == 1:
        holder[key] = new
    elif isinstance(holder, list):
        holder.append(new)
    else:
        name = random.choice((*names, key.lower(), key.replace("s", "\u017f")))
        holder[name] = holder.pop(key) if what == 2 else new
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Yield every object and array in a document with each of its keys."""
    keys: Iterable[object] = value if isinstance(value, dict) else ()
    for key in range(len(value)) if isinstance(value, list) else keys:
        yield value, key
        yield from _places(value[key])
