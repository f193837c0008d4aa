"""The model that ships: trained from example mails written for this project, for the default catalogue."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def path() -> Path:
    """The directory of the starter model."""
    return _HERE / "model"


def examples() -> Path:
    """The directory of the example mails it is trained from."""
    return _HERE / "examples"
