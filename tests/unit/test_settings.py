"""The configuration: layers, faults with file, line and key, secrets that stay secret, and the policy."""

from __future__ import annotations

import stat
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from daemon.core.address import Address
from daemon.core.ticket import Priority
from daemon.core.token import Keyring
from daemon.errors import Misconfigured
from daemon.settings import Settings, load, policy, state_directory
from daemon.settings.machine import keyring

OWN = """\
zone = "Europe/Berlin"

[desk.help]
title = "Example Help Desk"
address = "help@example.com"
"""
KEYRING = Keyring(keys=(b"k" * 32,))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, text: str, name: str = "firstline.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def loaded(folder: Path, text: str = OWN, overrides: dict[str, object] | None = None, **environ: str) -> Settings:
    return load(write(folder, text), overrides, environ={"HOME": str(folder), **environ})


def refused(folder: Path, text: str, overrides: dict[str, object] | None = None, **environ: str) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        loaded(folder, text, overrides, **environ)
    return str(caught.value).splitlines()


# --- layers


def test_five_lines_are_a_configuration(folder: Path) -> None:
    """A desk's title and address are all that must be written."""
    settings = loaded(folder)

    assert [desk.name for desk in settings.desks] == ["help"]
    assert [tier.number for tier in settings.tiers] == [0, 1, 2, 3, 4]
    assert len(settings.categories) == 11
    assert settings.calendar["office"].zone is None
    assert settings.zone == "Europe/Berlin"
    assert settings.relay.security == "none"
    assert settings.mailboxes == ()


def test_drop_ins_go_over_the_file_in_order_of_their_names(folder: Path) -> None:
    """conf.d/*.toml is read after the file, sorted."""
    write(folder, '[relay]\nhelo = "one.example.com"\nport = 26\n', "conf.d/10-relay.toml")
    write(folder, '[relay]\nhelo = "two.example.com"\n', "conf.d/20-relay.toml")

    settings = loaded(folder, OWN + '[relay]\nhelo = "zero.example.com"\nport = 25\n')

    assert (settings.relay.helo, settings.relay.port) == ("two.example.com", 26)
    assert [Path(name).name for name in settings.sources] == [
        "default.toml",
        "catalogue.toml",
        "firstline.toml",
        "10-relay.toml",
        "20-relay.toml",
    ]


def test_variables_go_over_files_and_overrides_over_variables(folder: Path) -> None:
    """The environment beats every file; what a command is given beats the environment."""
    environ = {"FIRSTLINE_RELAY__PORT": "2526", "FIRSTLINE_RELAY__HELO": "env.example.com"}

    settings = loaded(folder, OWN + "[relay]\nport = 26\n", {"relay.port": 2527}, **environ)

    assert (settings.relay.port, settings.relay.helo) == (2527, "env.example.com")


def test_a_variable_reaches_a_name_with_dashes_and_takes_lists(folder: Path) -> None:
    """An underscore stands for the dash of a name that is there; lists are written as in TOML."""
    environ = {"FIRSTLINE_TEAM__SERVICE_DESK__ADDRESSES": '["team@example.com"]'}

    settings = loaded(folder, **environ)

    assert settings.team["service-desk"].addresses == (Address("team", "example.com"),)


@pytest.mark.parametrize("name", ["FIRSTLINE_CONFIG", "FIRSTLINE_CRASH_AT", "FIRSTLINE"])
def test_a_variable_without_a_section_is_no_setting(folder: Path, name: str) -> None:
    """Only names with a double underscore are settings."""
    assert loaded(folder, **{name: "x"}).sources[-1].endswith("firstline.toml")


def test_the_named_file_wins_over_the_one_of_the_user(folder: Path) -> None:
    """FIRSTLINE_CONFIG names the file; without it $XDG_CONFIG_HOME/firstline is looked at."""
    write(folder, OWN, "xdg/firstline/firstline.toml")
    named = write(folder, OWN.replace("Example", "Named"), "named.toml")
    environ = {"XDG_CONFIG_HOME": str(folder / "xdg"), "HOME": str(folder)}

    assert load(environ=environ).desks[0].title == "Example Help Desk"
    assert load(environ={**environ, "FIRSTLINE_CONFIG": str(named)}).desks[0].title == "Named Help Desk"


def test_own_hours_replace_the_default_week(folder: Path) -> None:
    """Half of the default week under half of an own one would be nobody's intention."""
    settings = loaded(folder, OWN + '[calendar.office]\nhours = { mon-thu = ["08:00-18:00"], wed = [] }\n')

    opened = [bool(day) for day in settings.calendar["office"].hours]
    assert opened == [True, True, False, True, False, False, False]


def test_an_own_catalogue_can_stand_alone(folder: Path) -> None:
    """catalogue.builtin = false drops the categories of the IT desk and nothing else."""
    settings = loaded(folder, OWN + '[catalogue]\nbuiltin = false\n[category.leaks]\ntitle = "Leaks"\n')

    assert [category.name for category in settings.categories] == ["leaks"]
    assert len(settings.tiers) == 5


def test_a_category_can_be_switched_off(folder: Path) -> None:
    """enabled = false takes an entry out without touching the others."""
    settings = loaded(folder, OWN + "[category.printing]\nenabled = false\n")

    assert "printing" not in [category.name for category in settings.categories]
    assert len(settings.categories) == 10


def test_relative_paths_are_relative_to_their_file(folder: Path) -> None:
    """A path in a drop-in belongs to the drop-in's folder, wherever the daemon was started."""
    write(folder, '[secrets]\nkeys = "ring"\n', "conf.d/keys.toml")

    settings = loaded(folder, OWN + '[state]\ndirectory = "state"\n')

    assert settings.state.directory == folder / "state"
    assert settings.keys_file == folder / "conf.d" / "ring"


def test_settings_are_frozen(folder: Path) -> None:
    """Nobody changes a configuration that is in use."""
    with pytest.raises(ValueError, match="frozen"):
        loaded(folder).relay.port = 1


# --- faults


CASES = {
    "unknown key": ("[relay]\nprot = 25\n", 7, "relay.prot", "unknown key; did you mean port?"),
    "unknown table": ("[realy]\nport = 25\n", 6, "realy", "unknown key; did you mean relay?"),
    "bad port": ("[relay]\nport = 70000\n", 7, "relay.port", "should be less than or equal to 65535"),
    "port of a listener": ('[smtp]\nlisten = ["127.0.0.1:99999"]\n', 7, "smtp.listen.0", "above 65535"),
    "no port": ('[lmtp]\nlisten = ["127.0.0.1"]\n', 7, "lmtp.listen.0", "not an address to listen on"),
    "wrong type": ('[relay]\nport = "smtp"\n', 7, "relay.port", "should be a valid integer"),
    "bad zone": ('[calendar.office]\nzone = "Europe/Berln"\n', 7, "calendar.office.zone", "not a time zone"),
    "zone outside": ('[calendar.office]\nzone = "../../etc/passwd"\n', 7, "calendar.office.zone", "not a time zone"),
    "bad address": ('[team.x]\ntitle = "X"\naddresses = ["a@b c"]\n', 8, "team.x.addresses.0", "not a mail address"),
    "unknown team": ('[tier.1]\nteam = "nobody"\n', 7, "tier.1.team", 'there is no team "nobody"'),
    "unknown tier": ("[category.access]\ntier = 7\n", 7, "category.access.tier", 'there is no tier "7"'),
    "own tier not allowed": ("[category.access]\ntiers = [2]\n", 7, "category.access.tiers", "own tier 1"),
    "unknown calendar": ('[tier.1]\ncalendar = "moon"\n', 7, "tier.1.calendar", 'there is no calendar "moon"'),
    "robot's category": (
        '[robot.m]\naddress = "m@example.com"\ncategory = "x"\n',
        8,
        "robot.m.category",
        'there is no category "x"',
    ),
    "no hours": ("[calendar.office]\nhours = {}\n", 7, "calendar.office.hours", "can promise nothing"),
    "overlap": (
        '[calendar.office]\nhours = { mon = ["08:00-12:00", "11:00-13:00"] }\n',
        7,
        "calendar.office.hours",
        "overlap at 11:00",
    ),
    "across midnight": (
        '[calendar.office]\nhours = { mon = ["22:00-06:00"] }\n',
        7,
        "calendar.office.hours",
        "ends before it starts",
    ),
    "no such day": (
        '[calendar.office]\nhours = { monday = ["08:00-12:00"] }\n',
        7,
        "calendar.office.hours",
        "not a day",
    ),
    "no such date": (
        '[calendar.office]\nclosed = { "2026-02-30" = "x" }\n',
        7,
        "calendar.office.closed",
        "not a day",
    ),
    "no such place": ('[calendar.office]\nholidays = ["DE-ZZ"]\n', 7, "calendar.office.holidays", 'has no part "ZZ"'),
    "no such country": ('[calendar.office]\nholidays = ["QQ"]\n', 7, "calendar.office.holidays", "no public holidays"),
    "bad duration": ('[tier.1]\nfirst_response.P1 = "soon"\n', 7, "tier.1.first_response.P1", "not a duration"),
    "unreachable": (
        '[calendar.office]\nhours = { mon = ["08:00-09:00"] }\n',
        None,
        "tier.0.first_response",
        "cannot be reached within 4 weeks",
    ),
    "out of order": ('[tier.1]\nfirst_response.P2 = "5m"\n', 7, "tier.1.first_response.P2", "more pressing"),
    "desk twice": (
        '[desk.b]\ntitle = "B"\naddress = "Help@Example.com"\n',
        8,
        "desk.b.address",
        "desk help has it already",
    ),
    "team writes to the desk": (
        '[team.service-desk]\naddresses = ["help@example.com"]\n',
        7,
        "team.service-desk.addresses",
        "would come back as mail",
    ),
    "missing secret": (
        '[relay]\nuser = "u"\npassword_file = "/nowhere/secret"\n',
        8,
        "relay.password_file",
        "cannot be read: No such file",
    ),
    "secret in place": ('[relay]\npassword = "hunter2"\n', 7, "relay.password", "put it into a file"),
    "half a login": ('[relay]\nuser = "u"\n', 6, "relay", "go together"),
    "half a certificate": ('[smtp]\ncertificate = "/x"\n', 6, "smtp", "give both or neither"),
    "database": ('[state]\ndatabase = "mysql://x"\n', 7, "state.database", "should begin with"),
    "secret in the URL": (
        '[state]\ndatabase = "postgresql://u:hunter2@h/d"\n',
        7,
        "state.database",
        "no password in the URL",
    ),
    "unknown guard": ('[guards]\ndisabled = ["lists"]\n', 7, "guards.disabled", 'there is no guard "lists"'),
    "no model": ('[classifier]\nmodel = "gone"\n', 7, "classifier.model", "does not exist"),
    "no category at all": ("[catalogue]\nbuiltin = false\n", None, "category", "at least one"),
    "name of a table": ('[desk.Help]\ntitle = "x"\naddress = "h@example.org"\n', 6, "desk.Help", "small letters"),
    "own name": ('[team.x]\nname = "y"\ntitle = "X"\n', 7, "team.x.name", "unknown key"),
    "words": ("[category.access]\ntitle = 5\n", 7, "category.access.title", "should be a string, or a table"),
    "language": ('[category.access]\ntitle.eng = "A"\n', 7, "category.access.title", "not a language"),
}


@pytest.mark.parametrize(("text", "line", "key", "words"), CASES.values(), ids=CASES.keys())
def test_a_fault_names_file_line_and_key(folder: Path, text: str, line: int | None, key: str, words: str) -> None:
    """Each fault is one line: where it stands, which key, what would be right; never a secret."""
    lines = refused(folder, OWN + text)

    place = f"firstline.toml:{line}: " if line else ""
    hits = [found for found in lines if f": {key}: " in found and place in found and words in found]
    assert hits, lines
    assert not any("hunter2" in found for found in lines)


def test_all_faults_are_told_at_once(folder: Path) -> None:
    """Nobody mends a file line by line and run by run."""
    lines = refused(folder, OWN + '[relay]\nport = 0\nprot = 1\n[state]\ndatabase = "x"\n')

    assert len(lines) == 3


def test_a_flood_of_faults_is_cut(folder: Path) -> None:
    """The wrong file altogether ends in a page, not in thousands of lines."""
    lines = refused(folder, OWN + "[relay]\n" + "".join(f"x{number} = 1\n" for number in range(500)))

    assert len(lines) == 31
    assert lines[-1] == "… and 470 more"


def test_a_syntax_error_names_the_line(folder: Path) -> None:
    """What tomllib says comes with file and line in the usual form."""
    (line,) = refused(folder, OWN + "[relay\n")

    assert line.startswith(f"{folder}/firstline.toml:6: ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n\xff\n", "firstline.toml:2: not UTF-8"),
        (b"[" * 100_000, "firstline.toml"),
        (b"#" * 3_000_000, "larger than"),
    ],
    ids=["latin-1", "depth", "size"],
)
def test_a_file_that_is_no_configuration_is_refused(folder: Path, content: bytes, words: str) -> None:
    """Whatever the bytes are, the answer is one clear line."""
    path = folder / "firstline.toml"
    path.write_bytes(content)

    with pytest.raises(Misconfigured, match="firstline") as caught:
        load(path, environ={})

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_named_file_must_exist(folder: Path) -> None:
    """--config with a typo is an error, not the defaults."""
    with pytest.raises(Misconfigured, match=r"gone\.toml: cannot be read: No such file"):
        load(folder / "gone.toml", environ={})


def test_without_a_desk_the_places_looked_at_are_told(folder: Path) -> None:
    """No file anywhere: say where one would be read."""
    with pytest.raises(Misconfigured, match=r"no \[desk.NAME\].*/firstline/firstline.toml and /etc/firstline"):
        load(environ={"HOME": str(folder), "FIRSTLINE_RELAY__HOST": "localhost"})


def test_a_fault_in_a_variable_names_the_variable(folder: Path) -> None:
    """The environment has no lines, but names."""
    assert refused(folder, OWN, FIRSTLINE_RELAY__PORT="x")[0].startswith("$FIRSTLINE_RELAY__PORT: relay.port: ")


def test_a_fault_in_an_override_names_the_command_line(folder: Path) -> None:
    """What a command was given has no lines either."""
    assert refused(folder, OWN, {"relay.port": -1})[0].startswith("command line: relay.port: ")


def test_several_desks_ask_for_the_desk_of_a_mailbox(folder: Path) -> None:
    """With one desk a mailbox needs no desk; with two it must say which."""
    secret = write(folder, "s\n", "secret")
    account = f'[imap.a]\nhost = "h"\nuser = "u"\npassword_file = "{secret}"\n'
    second = '[desk.b]\ntitle = "B"\naddress = "b@example.com"\n'

    assert loaded(folder, OWN + account).mailboxes[0].desk == ""
    assert "several desks (b, help)" in refused(folder, OWN + account + second)[0]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ('after = "move"\n', "needs move_to"),
        ('after = "delete"\nread_only = true\n', "exclude each other"),
        ('after = "burn"\n', "should be 'flag', 'seen', 'move', 'delete' or 'none'"),
    ],
)
def test_a_mailbox_must_be_able_to_do_what_it_says(folder: Path, extra: str, words: str) -> None:
    """What happens after the commit is checked before the first mail."""
    secret = write(folder, "s\n", "secret")
    account = f'[imap.a]\nhost = "h"\nuser = "u"\npassword_file = "{secret}"\n'

    assert words in refused(folder, OWN + account + extra)[0]


# --- secrets


def test_secrets_come_from_files_and_show_nowhere(folder: Path) -> None:
    """The password is read without its line end; repr and dump never show it."""
    secret = write(folder, "hunter2\n", "relay-password")
    text = OWN + f'[relay]\nhost = "mx.example.com"\nuser = "u"\npassword_file = "{secret}"\n'

    settings = loaded(folder, text)

    assert settings.relay.password is not None
    assert settings.relay.password.get_secret_value() == "hunter2"
    assert settings.relay.port == 587
    assert "hunter2" not in repr(settings) + str(settings)


def test_a_bare_name_is_a_systemd_credential(folder: Path) -> None:
    """password_file = "relay" finds LoadCredential=relay:…"""
    write(folder, "pw", "credentials/relay")
    text = OWN + '[relay]\nuser = "u"\npassword_file = "relay"\n'

    settings = loaded(folder, text, CREDENTIALS_DIRECTORY=str(folder / "credentials"))

    assert settings.relay.password is not None
    assert settings.relay.password.get_secret_value() == "pw"


@pytest.mark.parametrize(
    ("content", "words"), [(b"\n", "is empty"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "too large")]
)
def test_a_file_that_is_no_secret_is_refused(folder: Path, content: bytes, words: str) -> None:
    """An empty or binary secret is a mistake that would show much later."""
    (folder / "secret").write_bytes(content)

    assert words in refused(folder, OWN + f'[relay]\nuser = "u"\npassword_file = "{folder}/secret"\n')[0]


def test_the_database_password_joins_the_url_only_when_asked(folder: Path) -> None:
    """A password with reserved characters survives; repr has the URL without it."""
    secret = write(folder, "p@ss/word", "db")
    text = (
        OWN + f'[state]\ndatabase = "postgresql+psycopg://fl@db.example.com/fl"\ndatabase_password_file = "{secret}"\n'
    )

    state = loaded(folder, text).state

    assert state.database_url == "postgresql+psycopg://fl:p%40ss%2Fword@db.example.com/fl"
    assert "p@ss" not in repr(state)
    assert "p%40" not in repr(state)


def test_no_password_travels_in_clear_text(folder: Path) -> None:
    """A login without TLS to another machine is a fault."""
    secret = write(folder, "pw", "pw")
    text = OWN + f'[relay]\nhost = "mx.example.com"\nsecurity = "none"\nuser = "u"\npassword_file = "{secret}"\n'

    assert "clear text" in refused(folder, text)[0]


# --- the machine


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}, "/var/lib/one"),
        ({"XDG_STATE_HOME": "/home/u/.state"}, "/home/u/.state/firstline"),
    ],
)
def test_the_state_directory_follows_systemd_and_xdg(folder: Path, environ: dict[str, str], directory: str) -> None:
    """Nothing has to be configured for a service or a user."""
    assert loaded(folder, **environ).state.directory == Path(directory)


def test_an_unwritable_state_directory_is_one_clear_line(folder: Path) -> None:
    """Found at the start, not at the first mail."""
    write(folder, "", "file")
    settings = loaded(folder, OWN + '[state]\ndirectory = "file/below"\n')

    with pytest.raises(Misconfigured, match=r"state directory .* cannot be written"):
        state_directory(settings)


def test_keys_are_made_once_and_only_for_their_owner(folder: Path) -> None:
    """The second start signs with the key of the first; nobody else can read it."""
    settings = loaded(folder, OWN + '[state]\ndirectory = "state"\n')

    first, second = keyring(settings), keyring(settings)

    assert first == second
    assert len(first.keys[0]) == 32
    assert stat.S_IMODE(settings.keys_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.state.directory.stat().st_mode) == 0o700
    assert list(settings.state.directory.iterdir()) == [settings.keys_file]


def test_keys_rotate_newest_first(folder: Path) -> None:
    """A new line at the top signs from now on; the old ones still verify."""
    file = write(folder, f"{'ab' * 32}\n{'cd' * 40}\n", "ring")

    ring = keyring(loaded(folder, OWN + f'[secrets]\nkeys = "{file}"\n'))

    assert ring.keys == (b"\xab" * 32, b"\xcd" * 40)


@pytest.mark.parametrize("content", ["", "ab\n", "zz" * 32, "é"])
def test_a_damaged_key_file_stops_the_start(folder: Path, content: str) -> None:
    """A weak or torn key is never used and never replaced."""
    file = write(folder, content, "ring")

    with pytest.raises(Misconfigured, match="should hold one key of 64 hexadecimal digits"):
        keyring(loaded(folder, OWN + f'[secrets]\nkeys = "{file}"\n'))


def test_a_named_key_file_is_never_made(folder: Path) -> None:
    """A typo in secrets.keys must not silently start with new keys."""
    with pytest.raises(Misconfigured, match="cannot be read"):
        keyring(loaded(folder, OWN + '[secrets]\nkeys = "typo"\n'))


# --- the policy


def test_the_policy_holds_what_the_tables_say(folder: Path) -> None:
    """Targets, words, credits and switches arrive where `decide` looks."""
    settings = loaded(
        folder,
        OWN + 'urgent = "call 112"\n[credits]\nper_address = 2\n[guards]\nown_list_ids = ["help.example.com"]\n'
        '[category.sap]\ntitle = { en = "SAP", de = "SAP-System" }\nkeywords = { en = ["SAP GUI"], x = ["Fiori"] }\n',
    )

    made = policy(settings, keyring=KEYRING)

    assert dict(made.tier(1).first_response)[Priority.P1] == timedelta(minutes=30)
    assert dict(made.desk("help").urgent_path)["sv"] == "call 112"
    assert made.desk("help").own_list_ids == ("help.example.com",)
    assert made.credits.per_address == 2
    assert "gmail.com" in made.public_providers
    sap = made.category("sap")
    assert sap is not None
    assert sap.keywords == ("sap gui", "fiori")
    assert dict(sap.titles) == {"en": "SAP", "de": "SAP-System"}


def test_every_category_of_the_catalogue_speaks_eight_languages(folder: Path) -> None:
    """No requester reads an acknowledgment that falls back to English in the middle."""
    made = policy(loaded(folder), keyring=KEYRING)

    for category in made.categories:
        assert set(dict(category.titles)) == {"en", "de", "fr", "es", "pt", "nl", "it", "sv"}
        if category.advice:
            assert set(dict(category.advice)) == set(dict(category.titles))


def test_the_catalogue_names_what_the_classifier_predicts() -> None:
    """A label without a category would send every such mail to triage."""
    from classifier.catalogue import DEFAULT
    from daemon.resources import resource
    from daemon.settings.layers import read

    assert tuple(read(resource("config", "catalogue.toml")).table["category"]) == DEFAULT.ids


def test_holidays_half_days_and_own_days_meet_in_the_calendar(folder: Path) -> None:
    """Public holidays carry names; a half day opens one; a day closed by name stays closed."""
    text = OWN.replace('"help@example.com"', '"help@example.com"\nlanguages = ["de", "en"]') + (
        '[calendar.office]\nholidays = ["DE-BE"]\n'
        'closed = { "2026-12-28" = "Betriebsferien", "12-30" = "Inventur" }\n'
        'half_days = { "12-25" = ["08:00-12:00"], "12-30" = ["08:00-09:00"] }\n'
    )

    calendar = policy(loaded(folder, text), keyring=KEYRING, today=date(2026, 6, 1)).calendar("office")

    holidays = dict(calendar.holidays)
    assert holidays[date(2026, 1, 1)] == "Neujahr"
    assert holidays[date(2026, 12, 28)] == "Betriebsferien"
    assert {holidays.get(date(year, 12, 30)) for year in range(2025, 2031)} == {"Inventur"}
    assert date(2026, 12, 25) not in holidays
    assert [on for on, _ in calendar.special_days] == [date(year, 12, 25) for year in range(2025, 2031)]
    assert calendar.zone == "Europe/Berlin"


def test_the_demo_runs_on_its_own_file(folder: Path) -> None:
    """config/demo.toml is a whole configuration."""
    from daemon.resources import resource

    assert policy(load(resource("config", "demo.toml"), environ={"HOME": "/"}), keyring=KEYRING).desks[0].name == "help"


def test_policies_travel_to_worker_processes(folder: Path) -> None:
    """A worker gets the same policy by pickle."""
    import pickle

    made = policy(loaded(folder), keyring=KEYRING)

    assert pickle.loads(pickle.dumps(made)) == made


def test_loading_pays_for_no_model_and_no_database() -> None:
    """`firstline check` starts quickly: neither scikit-learn nor SQLAlchemy comes along."""
    heavy = ("sklearn", "numpy", "sqlalchemy", "holidays")
    code = f"import sys, daemon.settings; print([name for name in {heavy} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_key_is_documented() -> None:
    """docs/configuration.md names each key in the part about its table."""
    from pydantic import BaseModel

    from daemon.settings import desk, mail, model

    document = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()
    filled = {"name", "number", "password", "database_password"}
    sections = [
        thing
        for module in (desk, mail, model)
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, BaseModel) and thing.__module__ == module.__name__
    ]

    missing = {
        f"{section.__name__}.{key}"
        for section in sections
        if section is not Settings
        for key in section.model_fields
        if key not in filled and f"`{key}`" not in document and f".{key}." not in document
    }
    assert missing == set()
    assert [
        table for table in Settings.model_fields if f"[{table}" not in document and f"`{table}`" not in document
    ] == []


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_the_documented_ten_lines_are_a_configuration(folder: Path, page: str) -> None:
    """What the page shows first can be copied as it is."""
    document = (Path(__file__).resolve().parents[2] / page).read_text()

    settings = loaded(folder, document.split("```toml\n")[1].split("```")[0])

    assert settings.relay.security == "starttls"
    assert policy(settings, keyring=KEYRING).team("service-desk").addresses


def test_an_access_token_is_read_when_it_is_used(folder: Path) -> None:
    """With oauth the helper that renews the token needs no reload of ours."""
    secret = write(folder, "old\n", "token")
    account = f'[imap.a]\nhost = "h"\nuser = "u"\noauth = true\npassword_file = "{secret}"\n'
    mailbox = loaded(folder, OWN + account).mailboxes[0]

    write(folder, "new\n", "token")

    assert mailbox.secret() == "new"
