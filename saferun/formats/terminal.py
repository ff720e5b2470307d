"""Text that is safe to show: names may come from anywhere, and a terminal obeys some of them."""

from __future__ import annotations


def visible(line: str) -> str:
    """Return a line in which nothing can steer a terminal, or pass for another line."""
    return line if line.isprintable() else escaped(line)


def escaped(text: str) -> str:
    r"""Return text as between $' and ' in a shell, what is not printable as the bytes \xNN."""
    out: list[str] = []
    for letter in text:
        if letter in "\\'":
            out.append("\\" + letter)
        elif letter.isprintable():
            out.append(letter)
        else:
            out += (f"\\x{byte:02x}" for byte in letter.encode("utf-8", "surrogateescape"))
    return "".join(out)
