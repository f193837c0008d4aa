"""The data folders are found where an installation puts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon import resources
from daemon.errors import Misconfigured


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed `daemon` package without any data folder."""
    place = tmp_path / "site-packages" / "daemon"
    place.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", place)
    return place


def test_a_wheel_has_them_inside_the_package(package: Path) -> None:
    """`templates/` is mapped to `daemon/templates`; a stranger's folder beside the packages is not taken."""
    (package / "templates").mkdir()
    (package.parent / "templates").mkdir()

    assert resources.folder("templates") == package / "templates"


def test_a_checkout_has_them_at_the_root(package: Path) -> None:
    """An editable install is a checkout too."""
    (package.parent / "config").mkdir()
    (package.parent / "config" / "default.toml").write_text("")

    assert resources.resource("config", "default.toml") == package.parent / "config" / "default.toml"


def test_a_broken_installation_says_so(package: Path) -> None:
    """Misconfigured, with what to do."""
    with pytest.raises(Misconfigured, match="install firstline again"):
        resources.folder("templates")
    (package / "config").mkdir()
    with pytest.raises(Misconfigured, match="missing"):
        resources.resource("config", "default.toml")
    with pytest.raises(ValueError, match="no data folder"):
        resources.folder("tests")
