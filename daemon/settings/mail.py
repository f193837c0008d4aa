"""The mail side of the configuration: listeners, mailboxes to poll, the relay that sends."""

from __future__ import annotations

import ipaddress
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, model_validator

from daemon.settings.values import Duration, Listen, Name, Section

Port = Annotated[int, Field(ge=1, le=65535)]
Security = Literal["none", "starttls", "tls"]

SUBMISSION_PORTS: dict[str, int] = {"none": 25, "starttls": 587, "tls": 465}
IMAP_PORTS: dict[str, int] = {"none": 143, "starttls": 143, "tls": 993}


def is_loopback(host: str) -> bool:
    """True for a name or address that cannot leave this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class LoginSection(Section):
    """[smtp.users.NAME]: a login for AUTH. A name that is a mail address proves that From of what it submits."""

    password_file: Path
    password: Annotated[SecretStr, Field(repr=False)]


class ListenerSection(Section):
    """What [smtp] and [lmtp] share. A systemd socket named `smtp` or `lmtp` is served beside these."""

    listen: tuple[Listen, ...] = ()
    socket: Path | None = None
    socket_mode: Annotated[str, Field(pattern=r"^0[0-7]{3}$")] = "0660"
    hostname: str = ""  # in the greeting; "" is the machine's own
    certificate: Path | None = None
    key: Path | None = None
    max_sessions: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_sessions_per_peer: Annotated[int, Field(ge=1, le=10_000)] = 10
    max_recipients: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_commands: Annotated[int, Field(ge=10, le=1_000_000)] = 100  # since the last stored mail; good RCPTs not counted
    idle_s: Annotated[float, Field(gt=0, le=3600)] = 60
    data_s: Annotated[float, Field(gt=0, le=7200)] = 600

    @model_validator(mode="after")
    def _certificate_with_key(self) -> ListenerSection:
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("certificate and key go together: give both or neither")
        return self


class SmtpSection(ListenerSection):
    """[smtp]: the listener for other mail servers and for programs that submit."""

    require_tls: bool = False
    require_login: bool = False
    users: dict[str, LoginSection] = Field(default_factory=dict)


class LmtpSection(ListenerSection):
    """[lmtp]: the listener for the MTA on this machine or network; answers once for each recipient."""

    max_sessions_per_peer: Annotated[int, Field(ge=1, le=10_000)] = 100


class ImapSection(Section):
    """[imap.NAME]: one mailbox folder that is polled; `after` happens only when the mail is stored."""

    name: Name
    enabled: bool = True
    desk: str = ""  # "" is the only desk there is
    host: str
    port: Port
    tls: Security = "tls"
    ca_file: Path | None = None
    user: str
    password_file: Path
    password: Annotated[SecretStr, Field(repr=False)]
    oauth: bool = False  # the file holds an access token that a helper keeps fresh: read again at each login
    folder: str = "INBOX"
    after: Literal["flag", "seen", "move", "delete", "none"] = "flag"
    move_to: str = ""
    read_only: bool = False
    idle: bool = True
    idle_s: Annotated[float, Field(ge=1, le=1740)] = 240  # RFC 2177: servers may hang up after 30 minutes
    poll_s: Annotated[float, Field(ge=0.05, le=3600)] = 60
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30
    since: date | None = None  # older mail is left alone

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, table: Any) -> Any:
        if isinstance(table, dict) and "port" not in table:
            return {**table, "port": IMAP_PORTS.get(str(table.get("tls", "tls")), 993)}
        return table

    @model_validator(mode="after")
    def _possible_after(self) -> ImapSection:
        if self.after == "move" and not self.move_to:
            raise ValueError('after = "move" needs move_to, the folder that gets the mail')
        if self.read_only and self.after not in {"none", "flag"}:
            msg = f'read_only and after = "{self.after}" exclude each other'
            raise ValueError(msg)
        return self

    def secret(self) -> str:
        """The password, or with `oauth` the access token as it is now. Raises OSError when its file is gone."""
        if self.oauth:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        return self.password.get_secret_value()


class RelaySection(Section):
    """[relay]: the server that takes our mail. Without `security`: none on this machine, starttls to any other."""

    host: Annotated[str, Field(min_length=1)] = "localhost"
    port: Port
    security: Security
    ca_file: Path | None = None
    verify: bool = True
    user: str = ""
    password_file: Path | None = None
    password: Annotated[SecretStr | None, Field(repr=False)] = None
    helo: str = ""  # "" is the machine's own name
    connect_s: Annotated[float, Field(gt=0, le=600)] = 30
    command_s: Annotated[float, Field(gt=0, le=600)] = 60
    data_s: Annotated[float, Field(gt=0, le=3600)] = 600  # RFC 5321 §4.5.3.2.6: ten minutes after the final dot
    connections: Annotated[int, Field(ge=1, le=50)] = 4
    retry: Annotated[tuple[Duration, ...], Field(min_length=1)] = (timedelta(minutes=1),)  # the last one repeats
    expire_days: Annotated[float, Field(gt=0, le=30)] = 5
    reverse_path: Literal["null", "bounce"] = "null"

    @model_validator(mode="before")
    @classmethod
    def _usual_security(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        filled = {"security": "none" if is_loopback(str(table.get("host", "localhost"))) else "starttls", **table}
        return {"port": SUBMISSION_PORTS.get(str(filled["security"]), 25), **filled}

    @model_validator(mode="after")
    def _safe_password(self) -> RelaySection:
        if bool(self.user) is not (self.password_file is not None):
            raise ValueError("user and password_file go together: give both or neither")
        if self.user and self.security == "none" and not is_loopback(self.host):
            raise ValueError('the password would travel in clear text: set security to "starttls" or "tls"')
        return self
