"""Django's settings: the one place that reads the environment (see .env.example)."""

import logging
import logging.config
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from f1picks.database import parse_database_url
from f1picks.environment import Environment, expand_home, read_env_file
from f1picks.logs import logging_config
from f1picks.masking import keep_secret, keep_secrets_of_addresses

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
# Whatever the environment says wins over the file.
env.read_env(read_env_file(env.ENVIRON.get("ENV_FILE", ""), default=BASE_DIR / ".env"))

LOG_LEVEL = env.text("LOG_LEVEL").upper() or "INFO"
LOG_FORMAT = env.text("LOG_FORMAT").lower() or "console"
LOGGING = logging_config(level=LOG_LEVEL, style=LOG_FORMAT)
# Applied here and not by Django, which would do it after these settings have had their say.
LOGGING_CONFIG = None
logging.config.dictConfig(LOGGING)
logging.captureWarnings(True)

DEFAULT_EXCEPTION_REPORTER = "f1picks.serving.MaskingReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "f1picks.serving.MaskingFilter"

DEBUG = env.switch("DEBUG")
# Empty is fine for commands; serving.py refuses to serve pages without one.
SECRET_KEY = env.secret("SECRET_KEY") or ("django-insecure-only-for-debug" if DEBUG else "")
ALLOWED_HOSTS = env.texts("ALLOWED_HOSTS") or ["localhost", "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = env.texts("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    # Before django_q: its worker command is this app's, with a watchdog.
    "ingestion.apps.IngestionConfig",
    "django_q",
    "rehearsal.apps.RehearsalConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Serves static files itself, without DEBUG and without a web server in front.
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    # The admin in the browser's language, of those below.
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "f1picks.serving.content_policy",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "f1picks.urls"
WSGI_APPLICATION = "f1picks.wsgi.application"
ASGI_APPLICATION = "f1picks.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_database = parse_database_url(env.text("DATABASE_URL"), base_dir=BASE_DIR)
for _notice in _database.notices:
    logging.getLogger(__name__).warning(_notice)
DATABASES = {"default": _database.settings}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SERIALIZATION_MODULES = {"jsonl": "f1picks.jsonl"}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Wrong passwords: each is logged, and after some a person's sign-in from that address waits.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
# An attack does not keep the person out for longer by going on.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
# Not by name alone: anyone on the internet could lock a person out.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "f1picks.serving.client_address"
AXES_COOLOFF_MESSAGE = (
    "Too many wrong passwords, and no more are checked now. Sign in again in 15 minutes."
)
AXES_DISABLE_ACCESS_LOG = True
# Its default is an object that Django's page about an error cannot print.
AXES_USERNAME_FORM_FIELD = "username"
# Logs name who and from where, and no line is printed at each start.
AXES_SENSITIVE_PARAMETERS: list[str] = []
AXES_VERBOSE = False

# Where someone goes who signs in without having come from a page.
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("pt-br", "Português (Brasil)")]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "f1picks.serving.CollectedFiles"},
}
# Until `collectstatic` has run, each file is looked for where it came from, at each request.
IS_COLLECTED = (STATIC_ROOT / "staticfiles.json").is_file()
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_COLLECTED

# Off by default: plain http on this machine must work.
HTTPS_ONLY = env.switch("HTTPS_ONLY")
SECURE_SSL_REDIRECT = HTTPS_ONLY
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
# Monitors request it over plain http, from inside.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS_ONLY else 0
# Subdomains and browsers' preload lists are for the domain's owner to decide.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if env.switch("HTTPS_PROXY_HEADER"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The queue's workers; ingestion.checks says which values this work needs, and why.
WORKERS = env.number("WORKERS", default=2, least=1, most=99)
REDIS_URL = env.text("REDIS_URL")
Q_CLUSTER: dict[str, Any] = {
    "name": "f1picks",
    **({"redis": REDIS_URL} if REDIS_URL else {"orm": "default"}),
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "poll": 1,
    "timeout": 600,
    "retry": 1500,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 20,
    "save_limit_per": "func",
    "time_zone": "UTC",
}

FASTF1_CACHE_DIR = BASE_DIR / expand_home(
    "FASTF1_CACHE_DIR", env.text("FASTF1_CACHE_DIR") or "cache/fastf1"
)
# Empty: FastF1's own addresses.
F1_SCHEDULE_URL = env.text("F1_SCHEDULE_URL")
JOLPICA_URL = env.text("JOLPICA_URL")
# The second source, a witness of the first: openf1 or off.
F1_SECOND_SOURCE = env.choice("F1_SECOND_SOURCE", "openf1", "off")
F1_RESULTS_FROM = env.choice("F1_RESULTS_FROM", "auto", "ergast", "newer")
# Empty: its own.
OPENF1_URL = env.text("OPENF1_URL")
# An account's token, which is answered while sessions run too; empty: none.
OPENF1_TOKEN = env.secret("OPENF1_TOKEN")
# Empty: beside Jolpica's forms; an address, a file on this machine, or 'off'.
JOLPICA_DUMP_URL = env.text("JOLPICA_DUMP_URL")
# Empty: no live timing.
F1_USERNAME = env.text("F1_USERNAME")
F1_PASSWORD = env.secret("F1_PASSWORD")
# Empty: FastF1's own. Anything else is a stand-in on this machine.
LIVE_TIMING_URL = env.text("LIVE_TIMING_URL")
# For each host; never more than FastF1 and Jolpica allow, see ingestion.budget.
F1_REQUESTS_PER_HOUR = env.number("F1_REQUESTS_PER_HOUR", default=180, least=30, most=180)
F1_SETTLE_AFTER_HOURS = env.number("F1_SETTLE_AFTER_HOURS", default=24, least=0, most=9999)
F1_APPLY_SETTLED_CHANGES = env.switch("F1_APPLY_SETTLED_CHANGES")

# Where alarms go, as Apprise writes addresses; empty: nowhere.
F1_ALARM_URLS = env.text("F1_ALARM_URLS")
# Called after each good tick; empty: nothing is.
HEARTBEAT_URL = env.text("HEARTBEAT_URL")

# Masked wherever they are written: log lines, and Django's page about an error.
_database_password = DATABASES["default"].get("PASSWORD", "")
if _database_password != DATABASES["default"].get("USER", ""):
    keep_secret(_database_password)
keep_secret(SECRET_KEY, F1_PASSWORD, OPENF1_TOKEN)
keep_secrets_of_addresses(REDIS_URL, F1_SCHEDULE_URL, JOLPICA_URL, OPENF1_URL, JOLPICA_DUMP_URL)
# Whoever knows these can post there: they are secret as a whole.
for _address in (*F1_ALARM_URLS.replace(",", " ").split(), HEARTBEAT_URL):
    _rest = _address.partition("://")[2]
    keep_secret(_address, _rest.partition("/")[2])
    # Tokens; what has a dot is a host.
    keep_secret(*(_piece for _piece in re.findall(r"[^/:@?&=,.]{8,}", _rest)))
    keep_secrets_of_addresses(_address)
