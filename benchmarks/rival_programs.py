"""What a rival's own Python runs: set up once, then take the mails it is told to by number, and say what they cost.

Each reads lines `FROM TO` and answers `SECONDS CPU_SECONDS ACKS`. Both run in process and need no network at all, which
spares them what the daemon pays for SMTP in and out.
"""

from __future__ import annotations

_TURNS = """
import os, sys, time
def serve(take, acks):
    print("ready", flush=True)
    for line in sys.stdin:
        first, last = map(int, line.split())
        mails = [open(os.path.join(sys.argv[2], "%d.eml" % n), "rb").read() for n in range(first, last)]
        before, cpu, wall = acks(), time.process_time(), time.perf_counter()
        for raw in mails:
            take(raw)
        print(time.perf_counter() - wall, time.process_time() - cpu, acks() - before, flush=True)
"""

# As its own `get_email` command does for each message of a mailbox; acknowledgments go to a list in memory.
DJANGO_HELPDESK = (
    _TURNS
    + """
import logging, tempfile, warnings
warnings.simplefilter("ignore")
home = sys.argv[1]
with open(os.path.join(home, "rival_urls.py"), "w") as file:
    file.write("from django.urls import include, path\\n"
        "urlpatterns = [path('', include('helpdesk.urls', namespace='helpdesk'))]\\n")
sys.path.insert(0, home)
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", DEBUG=False, USE_TZ=True, SITE_ID=1, ROOT_URLCONF="rival_urls", MEDIA_ROOT=home,
    MEDIA_URL="/m/", STATIC_URL="/s/", DEFAULT_AUTO_FIELD="django.db.models.AutoField", LOGGING_CONFIG=None,
    EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend", DEFAULT_FROM_EMAIL="help@desk.example",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.sites", "django.contrib.messages", "django.contrib.admin", "django.contrib.humanize",
        "rest_framework", "helpdesk"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(home, "helpdesk.db"),
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"}}},
    HELPDESK_TEAMS_MODE_ENABLED=False, HELPDESK_KB_ENABLED=True, HELPDESK_ENABLE_ATTACHMENTS=True,
)
django.setup()
from django.core import mail
from django.core.management import call_command
logging.disable(logging.CRITICAL)
call_command("migrate", verbosity=0, interactive=False)
call_command("loaddata", "emailtemplate.json", verbosity=0)
from helpdesk.email import extract_email_metadata
from helpdesk.models import Queue, Ticket
queue = Queue.objects.create(title="Help", slug="help", email_address="help@desk.example", allow_email_submission=True,
    locale="en")
mail.outbox = []
logger = logging.getLogger("x")
def take(raw):
    extract_email_metadata(raw.decode("utf-8", "replace"), queue, logger)
serve(take, lambda: len(mail.outbox))
"""
)

# The mail gateway in process; its senders are known (unknown ones cost 0.8 s each), its acknowledgments go to a file.
ROUNDUP = (
    _TURNS
    + """
import email, re, subprocess
home, bin = sys.argv[1], os.path.dirname(sys.executable)
tracker, letters = os.path.join(home, "tracker"), os.path.join(home, "letters")
os.environ["SENDMAILDEBUG"] = letters
def admin(*words):
    subprocess.run([os.path.join(bin, "roundup-admin"), "-i", tracker, *words], check=True, stdout=subprocess.DEVNULL)
admin("install", "classic", "sqlite", "tracker_web=http://localhost/,mail_domain=desk.example,mail_host=localhost,"
    "admin_email=admin@desk.example")
config = os.path.join(tracker, "config.ini")
with open(config) as file:
    text = file.read()
with open(config, "w") as file:
    file.write(re.sub(r"(?m)^messages_to_author = .*", "messages_to_author = yes", text))
admin("initialise", "secret")
import roundup.instance
from roundup.mailgw import RoundupMessage
instance = roundup.instance.open(tracker)
db = instance.open("admin")
for name in os.listdir(sys.argv[2]):
    with open(os.path.join(sys.argv[2], name), "rb") as file:
        sender = re.search(rb"(?m)^From: .*<([^>]+)>", file.read(8000)).group(1).decode()
    db.user.create(username=sender.replace("@", "."), address=sender, roles="User")
db.commit()
db.close()
from argparse import Namespace
gateway = instance.MailGW(instance, Namespace(default_class="", set_value=[]))
gateway.trapExceptions = False
def take(raw):
    gateway.handle_Message(email.message_from_bytes(raw, RoundupMessage))
def acks():
    if not os.path.exists(letters):
        return 0
    with open(letters, "rb") as file:
        return file.read().count(b"FROM: ")
serve(take, acks)
"""
)
