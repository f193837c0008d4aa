"""Where the data folders are: `templates/` and `config/` in a checkout, `daemon/…` in a wheel.

The wheel maps both folders into the package (see pyproject.toml); an editable install and a bare
checkout have them beside it. No `.py` file lives in either, so they are plain paths.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def config_folder() -> Path:
    """The folder of the packaged default configuration."""
    return _folder("config")


def templates_folder() -> Path:
    """The folder of the packaged mail templates."""
    return _folder("templates")
