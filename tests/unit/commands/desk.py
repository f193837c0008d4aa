"""A configured desk in a temporary place, and the command line as a function."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from daemon import cli, models
from daemon.settings import Settings, load
from daemon.store.engine import open_engine
from daemon.store.migrate import migrate

CONFIG = """
[state]
directory = "{state}"
[catalogue]
builtin = false
[category.network]
title = "Network"
tier = 1
keywords = ["vpn", "wifi", "tunnel"]
[category.printing]
title = "Printing"
tier = 1
[category.access]
title = "Access"
tier = 1
[desk.help]
title = "Help"
address = "help@desk.example"
[relay]
host = "127.0.0.1"
"""
FAST = """
[recipe]
costs = [1.0]
sharpness = [0.0]
blend = false
folds = 3
"""


class ADesk:
    """Three categories, an empty store, no models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "firstline.toml"
        self.config.write_text(CONFIG.format(state=folder / "state"))
        self.experiment = folder / "fast.toml"
        self.experiment.write_text(FAST)
        self.models = models.folder_of(folder / "state")
        (folder / "state").mkdir()
        self.engine = open_engine(self.settings.state.database_url)
        migrate(self.engine)

    @property
    def settings(self) -> Settings:
        return load(self.config, {}, environ={})

    def run(self, *words: str, answers: str | None = None) -> tuple[int, str, str]:
        """Code, output, errors; what is raised is told as the entry point tells it."""
        argv = ["-c", str(self.config), *words]
        done = CliRunner().invoke(cli.firstline, argv, input=answers, standalone_mode=False)
        if done.exception is not None:
            return 65, done.stdout, f"{type(done.exception).__name__}: {done.exception}"
        return done.return_value or 0, done.stdout, done.stderr

    def train(self, *words: str) -> tuple[int, str, str]:
        """A quick recipe."""
        return self.run("train", "--config", str(self.experiment), *words)
