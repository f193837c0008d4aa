"""The documentation of agents' mail is the parser's own table."""

from __future__ import annotations

from pathlib import Path

from daemon.core.command import VERBS

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"


def test_every_command_is_documented_as_it_is():
    """Each row of VERBS stands in docs/agents.md word for word, and no other row does."""
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `#")]

    assert rows == [f"| `{usage.form.replace('|', chr(92) + '|')}` | {usage.does} |" for usage in VERBS]
