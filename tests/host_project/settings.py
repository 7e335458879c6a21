"""A stranger's monolith that has this app in INSTALLED_APPS and no setting for it: its own people,
its own admin, its own logging, its own queue, and not UTC."""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent
env = environ.Env()

SECRET_KEY = env.str("SECRET_KEY", default="of-the-shop-and-of-nobody-else-0123456789-0123456789")
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.host_project.urls"
AUTH_USER_MODEL = "members.Member"

INSTALLED_APPS = [
    # The stranger registers what its own admin shows.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "tests.host_project.members",
    "ingestion",
    "django_q",
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

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

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR}/shop.sqlite3")}
# Integers of 32 bits, as projects have them that are older than Django 3.2.
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
# Each page in one transaction.
DATABASES["default"]["ATOMIC_REQUESTS"] = True

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_TZ = True
STATIC_URL = "assets/"

# For mails, which are quick.
Q_CLUSTER = {
    "name": "shop",
    "orm": "default",
    "workers": 4,
    "timeout": 30,
    "retry": 45,
    "save_limit": 100,
    "catch_up": True,
    "time_zone": "Europe/London",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"shop": {"format": "shop %(levelname)s %(name)s %(message)s"}},
    "handlers": {"shop": {"class": "logging.StreamHandler", "formatter": "shop"}},
    "root": {"handlers": ["shop"], "level": env.str("LOG_LEVEL", default="INFO")},
}
