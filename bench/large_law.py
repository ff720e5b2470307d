"""A large law: 1,000 [[allow]] rules and 50 drop-in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RULES, DROP_INS = 1000, 50


def rules() -> str:
    """Return a policy of 1,000 rules, none of which is for the image that is measured."""
    return "\n".join(
        [
            "schema = 1",
            *(
                f'[[allow]]\nimage = "registry.example.com/team-{number}/app-{number}"\n'
                'cap-add = ["NET_RAW", "NET_BIND_SERVICE"]\n'
                f'reason = "capture for app {number}"\nexpires = 2099-01-31\n'
                for number in range(RULES)
            ),
        ]
    )


def write(directory: Path) -> Path:
    """Write the rules and the drop-ins as they would be in /etc/saferun; return the directory."""
    drop_ins = directory / "policy.d"
    drop_ins.mkdir(parents=True, mode=0o755)
    files = {directory / "policy.toml": rules()}
    for number in range(DROP_INS):
        text = (
            f'schema = 1\n[limits]\nvolume = ["/srv", "/home/*", "data-{number}"]\nmemory = "4g"\n'
        )
        files[drop_ins / f"{number:02}.toml"] = text
    for path, text in files.items():
        path.write_text(text)
        path.chmod(0o644)
    return directory
