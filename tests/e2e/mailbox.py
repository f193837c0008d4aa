"""A mailbox on a real Dovecot as the daemon's account: its TOML, and what the server says became of the mails."""

from __future__ import annotations

import email
from collections.abc import Sequence
from contextlib import suppress

from tests.e2e.corpus import Sample
from tests.e2e.stage import UNREADY, Stage
from tests.peers.conftest import Dovecot

_KEYWORD = ["KEYWORD", "$Firstline"]


def imap_account(
    stage: Stage,
    dovecot: Dovecot,
    user: str,
    *,
    after: str,
    name: str = "box",
    port: int | None = None,
    password: str = "pw",
) -> str:
    """The TOML of an account; its password file is made."""
    secret = stage.directory / f"{name}.password"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    return f"""
[imap.{name}]
desk = "help"
host = "127.0.0.1"
port = {port or dovecot.port}
tls = "none"
user = "{user}"
password_file = "{secret}"
after = "{after}"
{'move_to = "Done"' if after == "move" else ""}
"""


def taken(stage: Stage, samples: Sequence[Sample]) -> bool:
    """True when each of these mails is in the store."""
    with suppress(*UNREADY):
        return stage.count("SELECT count(*) FROM inbound") == len({sample.message_id for sample in samples})
    return False


def acted_on(dovecot: Dovecot, user: str, after: str) -> int:
    """How many mails carry the mark of being taken; -1 while some that should have left the inbox are there."""
    with dovecot.client(user) as client:
        told = client.select_folder("INBOX")
        if after in {"move", "delete"} and client.search():
            return -1
        match after:
            case "move":
                return client.select_folder("Done")[b"EXISTS"] if client.folder_exists("Done") else 0
            case "delete":
                return int(told[b"UIDNEXT"]) - 1
            case "seen":
                return len(client.search(["SEEN"]))
            case _:
                return len(client.search(_KEYWORD))


def marked_ids(dovecot: Dovecot, user: str) -> set[str]:
    """The Message-IDs of the flagged mails."""
    with dovecot.client(user) as client:
        client.select_folder("INBOX", readonly=True)
        answer = client.fetch(client.search(_KEYWORD), ["BODY.PEEK[HEADER]"])
    return {str(email.message_from_bytes(item[b"BODY[HEADER]"])["Message-ID"]) for item in answer.values()}
