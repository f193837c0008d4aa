"""The one command, `firstline`: finds the verb, turns broken promises into one line and a sysexit.

A verb's module is imported only when it is called, so that `firstline --help` stays under
150 ms: pydantic, SQLAlchemy and the rest cost hundreds. Verbs live in `daemon.commands`.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from daemon import errors

EX_DATAERR = 65
EX_SOFTWARE = 70
EX_TEMPFAIL = 75
EX_CONFIG = 78

_VERBS: dict[str, str] = {
    # verb: one line for `--help` (the verb's module is not imported for it)
    "run": "Run the daemon: take mail, answer it, keep promises.",
    "demo": "Show the whole job on made-up mail, on loopback, in a temporary place.",
    "check": "Check configuration, secrets, templates, database and model.",
    "status": "Say what waits, what was sent and which promises stand.",
    "queue": "List outgoing mail that waits.",
    "test-message": "Say what would happen to mails, without sending or keeping anything.",
    "explain": "Tell why a ticket or a mail ended as it did.",
    "audit": "Check the invariants over the store; exit 1 if one is broken.",
    "deliver": "Take one mail from standard input (for an MTA's pipe).",
    "train": "Train a model from labelled mails; it serves when you activate it.",
    "model": "List, compare, activate and roll back models.",
    "labels": "Check, review, export and import what people said mails are about.",
    "evaluate": "Measure the classifier on labelled files it has not seen.",
    "migrate": "Bring the database to this version's schema.",
}


class Verbs(click.Group):
    """A click group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"daemon.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    type=click.Path(dir_okay=False),
    envvar="FIRSTLINE_CONFIG",
    help="Configuration file (default: /etc/firstline/firstline.toml or the XDG one).",
)
@click.version_option(package_name="firstline")
@click.pass_context
def firstline(ctx: click.Context, config: str | None) -> None:
    """Take the help desk's mail, answer each one once, and keep the promise in the answer."""
    ctx.obj = config


def main() -> None:
    """Entry point. Exit codes are sysexits: 64 usage, 65 data, 70 a bug of ours, 75 try again, 78 configuration."""
    try:
        code = firstline(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(64 if isinstance(error, click.UsageError) else 1)
    except click.Abort:
        sys.exit(130)
    except errors.Misconfigured as error:
        _complain(str(error), EX_CONFIG)
    except errors.Unusable as error:
        _complain(str(error), EX_DATAERR)
    except errors.Unavailable as error:
        _complain(str(error), EX_TEMPFAIL)
    except errors.FirstlineError as error:
        _complain(str(error), EX_SOFTWARE)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error; keep the interpreter from flushing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(text: str, code: int) -> None:
    click.echo("\n".join(f"firstline: {line}" for line in text.splitlines() or [""]), err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
