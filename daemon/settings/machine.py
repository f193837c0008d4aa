"""What the configuration needs of this machine: a state directory that can be written, and signing keys.

The key file has one key in hexadecimal on each line, newest first; the first signs, all
verify. It is made once, readable by its owner only, and never replaced: without the old key
no reply finds its ticket.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from daemon.core.token import Keyring
from daemon.errors import Misconfigured
from daemon.settings.model import Settings

KEY_BYTES = 32
MAX_KEYS = 20


def state_directory(settings: Settings) -> Path:
    """The state directory, made when missing (0700) and proven writable."""
    folder = settings.state.directory
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        msg = f"state directory {folder} cannot be written: {error.strerror} (state.directory names another)"
        raise Misconfigured(msg) from None
    return folder


def keyring(settings: Settings) -> Keyring:
    """The signing keys, made on the first start."""
    file = settings.keys_file
    if not file.exists() and settings.secrets.keys is None:
        state_directory(settings)
        _make(file)
    return _read(file)


def _make(file: Path) -> None:
    """Write a first key so that a crash leaves a whole file or none, and two starters agree on one."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".keys-")  # 0600 by mkstemp
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.link(name, file)  # fails when another process was first: then its key counts
    except FileExistsError:
        pass
    except OSError as error:
        msg = f"key file {file} cannot be made: {error.strerror}"
        raise Misconfigured(msg) from None
    finally:
        Path(name).unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(file: Path) -> Keyring:
    try:
        lines = file.read_text(encoding="ascii").split()
    except OSError as error:
        msg = f"key file {file} cannot be read: {error.strerror}"
        raise Misconfigured(msg) from None
    except UnicodeDecodeError:
        lines = []
    try:
        keys = tuple(bytes.fromhex(line) for line in lines[:MAX_KEYS])
    except ValueError:
        keys = ()
    if not keys or any(len(key) < KEY_BYTES for key in keys):
        digits = 2 * KEY_BYTES
        msg = f"key file {file} should hold one key of {digits} hexadecimal digits or more on each line, newest first"
        raise Misconfigured(msg)
    return Keyring(keys=keys)
