"""From settings to objects: a key of a section that has no effect would be a promise nobody keeps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from daemon.build import make_polling
from daemon.settings import load

_CONFIG = """
[state]
directory = "{folder}/state"
[desk.help]
title = "Desk"
address = "help@desk.example"
[imap.box]
host = "127.0.0.1"
tls = "none"
port = 1143
user = "u"
password_file = "{folder}/password"
folder = "Desk"
after = "move"
move_to = "Done"
idle_s = 17
poll_s = 3
timeout_s = 5
"""


def test_every_key_of_a_mailbox_reaches_its_account(tmp_path: Path):
    """What [imap.NAME] says is what the poller goes by."""
    (tmp_path / "password").write_text("pw\n")
    (tmp_path / "password").chmod(0o600)
    file = tmp_path / "firstline.toml"
    file.write_text(_CONFIG.format(folder=tmp_path))

    (account,) = make_polling(load(file, environ={}), None, SimpleNamespace(receive=None))._settings

    assert (account.user, account.folder, account.after, account.move_to) == ("u", "Desk", "move", "Done")
    assert (account.idle_s, account.poll_s, account.server.timeout_s) == (17, 3, 5)
    assert (account.server.host, account.server.port, account.server.security) == ("127.0.0.1", 1143, "none")
    assert account.secret() == "pw"
