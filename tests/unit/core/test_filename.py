"""Names of attachments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.filename import NAME_CHARS, safe_name


def name_of(claimed: str, content_type: str = "application/octet-stream") -> str:
    return safe_name(claimed, content_type=content_type, part="2")


@pytest.mark.parametrize(
    ("claimed", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("Jahresbericht 2026 – Käse.pdf", "Jahresbericht 2026_Käse.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\cmd.exe", "cmd.exe"),
        (".htaccess", "htaccess"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("a\0b\x1b[31m.txt", "ab_31m.txt"),
        ("a\r\nSubject: x", "a Subject_x"),
        ("..", "part-2.bin"),
        ("", "part-2.bin"),
        ("???", "part-2.bin"),
        ("=cmd|calc.csv", "cmd_calc.csv"),
        ("報告書.docx", "報告書.docx"),
    ],
    ids=repr,
)
def test_names_are_made_safe(claimed: str, name: str) -> None:
    """No path, no control, no direction character, no leading dot; letters of any script stay."""
    assert name_of(claimed) == name


def test_long_names_keep_their_extension() -> None:
    """A name of 5,000 characters is cut in its stem."""
    name = name_of("a" * 5_000 + ".tar.gz")

    assert len(name) == NAME_CHARS
    assert name.endswith(".gz") or len("a" * 5_000) > 2_000


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("image/png", "part-2.png"),
        ("application/ms-tnef", "winmail.dat"),
        ("application/pkcs7-mime", "smime.p7m"),
        ("application/pgp-signature", "signature.asc"),
        ("text/calendar", "invite.ics"),
        ("message/rfc822", "part-2.eml"),
        ("x/y", "part-2.bin"),
    ],
)
def test_nameless_parts_get_a_telling_name(content_type: str, name: str) -> None:
    """A part without a name is named by its type and number."""
    assert name_of("", content_type) == name


@given(st.text(max_size=300))
def test_any_claim_gives_a_safe_name(claimed: str) -> None:
    """No text gives a path, an empty or an over-long name."""
    name = name_of(claimed)

    assert 0 < len(name) <= NAME_CHARS
    assert not set(name) & set('/\\:*?"<>|\0\n\r\t')
    assert not name.startswith(".")
    assert name_of(name) == name
