"""The frame holds what it promises: locks, the wheel, commands that start quickly, rooms of a readable size."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TARGETS = ("setup", "demo", "test", "lint", "bench", "soak", "lock", "clean", "starter-model")


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name, maxsplit=1)[0]).lower()


def pins(lock: str) -> dict[str, set[str]]:
    """Pinned versions by name; numpy and scipy have one for each Python."""
    found: dict[str, set[str]] = {}
    text = (ROOT / lock).read_text()
    for name, version in re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE | re.IGNORECASE):
        found.setdefault(normalised(name), set()).add(version)
    return found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock: str) -> None:
    """Any index or mirror can serve it, and none can change a byte."""
    text = (ROOT / lock).read_text()
    requirements = re.split(r"\n(?=[a-zA-Z0-9])", text)

    assert "://" not in text
    for requirement in requirements:
        if not requirement.startswith("#"):
            assert "==" in requirement.splitlines()[0]
            assert "--hash=sha256:" in requirement


def test_the_locks_agree() -> None:
    """Tests run on the very versions that users get."""
    run, development = pins("requirements.lock"), pins("requirements-dev.lock")

    assert {name: development.get(name) for name in run} == run


def test_every_dependency_is_locked() -> None:
    """A dependency that was added without `make lock` would be missing on a fresh machine."""
    run, development = pins("requirements.lock"), pins("requirements-dev.lock")

    assert {normalised(name) for name in PROJECT["project"]["dependencies"]} <= set(run)
    for group in PROJECT["dependency-groups"].values():
        assert {normalised(name) for name in group} <= set(development)


def test_the_wheel_holds_packages_and_data_and_nothing_else(tmp_path: Path) -> None:
    """Templates, configuration and the starter model travel with the code; tests stay at home."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert {"daemon/config/default.toml", "daemon/config/catalogue.toml", "daemon/config/demo.toml"} <= set(names)
    assert any(name.startswith("daemon/templates/en/") for name in names)
    assert any(name.startswith("classifier/starter/model/") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"daemon", "classifier"}


@pytest.mark.parametrize("folder", ["config", "templates"])
def test_data_folders_hold_no_code(folder: str) -> None:
    """Both may be replaced by an admin; neither is ever imported."""
    assert not [*(ROOT / folder).rglob("*.py")]


def test_help_imports_nothing_heavy() -> None:
    """`firstline --help` answers at once: the libraries that cost hundreds of milliseconds stay out."""
    heavy = (
        "pydantic",
        "sqlalchemy",
        "alembic",
        "holidays",
        "numpy",
        "sklearn",
        "jinja2",
        "aiosmtpd",
        "mailparser",
        "babel",
    )
    code = (
        "import sys\nfrom daemon.cli import main\nsys.argv = ['firstline', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "Usage: firstline" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_make_alone_lists_its_targets() -> None:
    """A newcomer sees every command with one line about it."""
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)

    assert {target for target in TARGETS if re.search(rf"^make {target} +\S", done.stdout, re.MULTILINE)} == set(
        TARGETS
    )


@pytest.mark.parametrize("script", [".ci/run", ".ci/venv"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    """A script that does not parse would be noticed on the next new machine only."""
    path = ROOT / script

    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)


@pytest.mark.parametrize("package", ["daemon", "classifier"])
def test_a_module_is_one_noun(package: str) -> None:
    """No module outgrows 400 lines, and the usual one fits on a few screens."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (ROOT / package).rglob("*.py")
    }

    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert sorted(lengths.values())[len(lengths) // 2] <= 150


def test_every_module_says_what_it_owns() -> None:
    """The first thing in a file is its promise."""
    silent = [
        str(path.relative_to(ROOT))
        for package in ("daemon", "classifier")
        for path in (ROOT / package).rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', 'r"""')) and path.stat().st_size
    ]

    assert silent == []


@pytest.mark.parametrize("fragment", sorted((ROOT / "changes").glob("*.md")), ids=lambda path: path.name)
def test_a_change_fragment_has_its_kind(fragment: Path) -> None:
    """`### Added`, `### Changed` or `### Fixed`, then bullets: what a release joins into CHANGELOG.md."""
    first, *rest = fragment.read_text().splitlines()
    if fragment.name == "README.md":
        return

    assert first in {"### Added", "### Changed", "### Fixed"}
    assert any(line.startswith("- ") for line in rest)


def test_every_decision_is_in_the_index() -> None:
    """Who looks for the reason finds it from one page."""
    folder = ROOT / "docs" / "decisions"
    index = set(re.findall(r"^- \[(\d{4})\]\(([^)]+)\)", (folder / "README.md").read_text(), re.MULTILINE))

    assert index == {(path.name[:4], path.name) for path in folder.glob("[0-9]*.md")}
    assert len({number for number, _ in index}) == len(index)
