"""`firstline check`: configuration, secrets, templates, database, model, and on request the servers it names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import click

import daemon
from daemon.build import make_authenticator, make_relay, model_of
from daemon.commands.configured import configured
from daemon.core.policy import Policy
from daemon.errors import FirstlineError, Misconfigured, Unavailable
from daemon.reader.model import load_classifier
from daemon.render import Renderer
from daemon.settings import Settings, policy, state_directory
from daemon.settings.authentication import LIBRARIES
from daemon.store.engine import integrity, open_engine
from daemon.store.migrate import SchemaState, schema_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `level` is ok, warning or problem."""

    what: str
    level: str
    words: str


@click.command("check")
@click.option(
    "--connect", is_flag=True, help="Also connect and log in to the relay, and ask the nameservers of [authentication]."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per finding and line.")
@click.pass_obj
def command(config: str | None, *, connect: bool, as_json: bool) -> int:
    """Check everything the daemon needs before it starts; exit 78 when there is a problem."""
    settings = configured(config)
    findings = list(_findings(settings, connect=connect))
    for finding in findings:
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            click.echo(f"{finding.level:<8}{finding.what}: {finding.words}")
    return 78 if any(finding.level == "problem" for finding in findings) else 0


def _findings(settings: Settings, *, connect: bool) -> Iterator[Finding]:
    yield Finding(what="configuration", level="ok", words=", ".join(settings.sources))
    yield _installation()
    yield _tried("state", lambda: f"{state_directory(settings)} can be written")
    made: list[Policy] = []

    def agreement() -> str:
        made.append(policy(settings))
        return (
            f"{len(made[0].desks)} desk, {len(made[0].teams)} teams, {len(made[0].tiers)} tiers, "
            f"{len(made[0].categories)} categories, {len(made[0].calendars)} calendars; signing keys readable"
        )

    yield _tried("agreement", agreement)
    yield _templates(settings)
    yield _tried("database", lambda: _database(settings))
    if made:
        yield _model(settings, made[0])
        yield from _doors(settings)
        yield from _authentication(settings)
    if connect:
        yield _relay(settings)
        if settings.authentication.enabled:
            yield _tried("nameservers", lambda: asyncio.run(_nameservers(settings)))


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, level="ok", words=look())
    except FirstlineError as error:
        return Finding(what=what, level="problem", words=str(error))


def _installation() -> Finding:
    """`daemon` is also the import name of the python-daemon distribution; both in one environment mix silently."""
    files = Path(daemon.__file__).parent
    foreign = [name for name in ("daemon.py", "pidfile.py", "runner.py") if (files / name).exists()]
    if foreign:
        words = f"the python-daemon distribution shares this environment ({', '.join(foreign)}): use one of its own"
        return Finding(what="installation", level="problem", words=words)
    return Finding(what="installation", level="ok", words=str(files))


def _templates(settings: Settings) -> Finding:
    try:
        problems = Renderer(settings.templates.directory).problems
    except Misconfigured as error:
        problems = (str(error),)
    if problems:
        return Finding(what="templates", level="problem", words="; ".join(problems))
    return Finding(what="templates", level="ok", words="all compiled and tried")


def _database(settings: Settings) -> str:
    engine = open_engine(settings.state.database_url)
    try:
        state = schema_state(engine)
        if state is SchemaState.OLD:
            raise Misconfigured("the schema is old; run: firstline migrate")
        if state is SchemaState.NEW:
            raise Misconfigured("the database was made by a newer firstline; install that version")
        if state is SchemaState.EMPTY:
            return f"{engine.dialect.name}, empty: the first start makes its tables"
        if troubles := integrity(engine):
            raise Misconfigured(f"the database is damaged: {troubles[0]}")
        return f"{engine.dialect.name}, schema current, integrity ok"
    finally:
        engine.dispose()


def _model(settings: Settings, made: Policy) -> Finding:
    try:
        classifier, note = load_classifier(model_of(settings), made)
    except FirstlineError as error:
        return Finding(what="model", level="problem", words=str(error))
    if note:
        return Finding(what="model", level="problem", words=note)
    return Finding(what="model", level="ok", words=classifier.model_id)


def _doors(settings: Settings) -> Iterator[Finding]:
    ways = [
        *(f"smtp {endpoint}" for endpoint in settings.smtp.listen),
        *(f"lmtp {endpoint}" for endpoint in settings.lmtp.listen),
        *((f"lmtp {settings.lmtp.socket}",) if settings.lmtp.socket else ()),
        *(f"imap {account.user} at {account.host}" for account in settings.mailboxes),
    ]
    if ways:
        yield Finding(what="intake", level="ok", words=", ".join(ways))
    else:
        words = "no way for mail to come in: set smtp.listen, lmtp.socket or an [imap.NAME] (a pipe needs none)"
        yield Finding(what="intake", level="warning", words=words)


def _authentication(settings: Settings) -> Iterator[Finding]:
    """What proves a sender: nothing at all is worth a word, because agents' orders are then never carried out."""
    section, guards = settings.authentication, settings.guards
    ways = []
    if section.enabled:  # the configuration was refused if its libraries were missing
        servers = ", ".join(map(str, section.nameservers)) or "this machine's"
        names = " and ".join(f"{name} {version(name)}" for _, name in LIBRARIES)
        ways.append(f"checked here by {names}, nameservers {servers}")
    if guards.trusted_authserv_ids:
        ways.append(f"Authentication-Results of {', '.join(guards.trusted_authserv_ids)}")
    if ways:
        yield Finding(what="authentication", level="ok", words="; ".join(ways))
    elif not settings.smtp.users:
        words = "no sender is ever proven, so no agent's order is carried out: see guards.trusted_authserv_ids"
        yield Finding(what="authentication", level="warning", words=words)


async def _nameservers(settings: Settings) -> str:
    """Ask for the first desk's own policy: any answer will do."""
    asking = make_authenticator(settings)
    name = f"_dmarc.{settings.desks[0].address.domain}"
    if asking is None or not await asking.answers(name):
        raise Unavailable(f"no answer about {name}: no sender is proven until there is one")
    return f"answered about {name}"


def _relay(settings: Settings) -> Finding:
    async def look() -> str:
        relay = make_relay(settings)
        try:
            deferred = await relay.check()
        finally:
            await relay.close()
        if deferred is not None:
            raise Unavailable(f"{settings.relay.host}:{settings.relay.port}: {deferred.reply}")
        return f"{settings.relay.host}:{settings.relay.port} answers and lets us in"

    return _tried("relay", lambda: asyncio.run(look()))
