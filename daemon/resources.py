"""Where the project's data folders are: in a checkout beside the packages, in a wheel inside `daemon`.

The wheel maps `templates/` to `daemon/templates` and `config/` to `daemon/config`; a checkout and an editable install
have them at the root. Nobody else may guess a path.
"""

from __future__ import annotations

from pathlib import Path

from daemon.errors import Misconfigured

_PACKAGE = Path(__file__).resolve().parent
FOLDERS = ("templates", "config")


def folder(name: str) -> Path:
    """The folder `templates` or `config`. Misconfigured when the installation lost it."""
    if name not in FOLDERS:
        raise ValueError(f"no data folder is called {name!r}")
    for place in (_PACKAGE / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise Misconfigured(
        f"the folder {name!r} is missing from the installation at {_PACKAGE.parent}; install firstline again"
    )


def resource(name: str, *parts: str) -> Path:
    """A file in one of the folders. Misconfigured when it is not there."""
    path = folder(name).joinpath(*parts)
    if not path.is_file():
        raise Misconfigured(f"the file {path} is missing from the installation; install firstline again")
    return path
