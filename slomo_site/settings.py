"""Settings of the site; every deployment choice is an environment variable, listed in README.md.

Without any, Slomo runs embedded: SQLite, a Valkey on a unix socket and local files, all in one
data folder, served over plain HTTP to this machine. That is why secure cookies, HSTS and the
redirect to HTTPS are off until SLOMO_HTTPS=1 says that visitors arrive over HTTPS: with them on,
a browser could not even sign in at http://localhost.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import django_stubs_ext
import environ

from slomo_site import datadir

django_stubs_ext.monkeypatch()  # so that `ModelAdmin[Video]` and the like hold at run time

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
SLOMO_DATA_DIR = Path(env.str("SLOMO_DATA_DIR", default=str(BASE_DIR / "var"))).absolute()
datadir.prepare(SLOMO_DATA_DIR)

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or datadir.secret_key(SLOMO_DATA_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# Applications

INSTALLED_APPS = [
    "slomo_site",
    "inference",
    "videos",
    "accounts",
    "allauth",
    "allauth.account",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_rq",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
]

MIDDLEWARE = [
    "videos.bodies.DrainMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "slomo_site.errors.ErrorMiddleware",
]

ROOT_URLCONF = "slomo_site.urls"
WSGI_APPLICATION = "slomo_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

# Data

DATABASES = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{SLOMO_DATA_DIR / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Web server and worker write to one file: readers never wait, a writer takes its lock at the
    # start of the transaction (so it cannot fail half way) and waits for up to 20 s.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
RQ_QUEUES = {
    "default": {
        "URL": REDIS_URL or f"unix://{quote(str(datadir.queue_socket(SLOMO_DATA_DIR)))}",
        # A long clip on a slow machine is hours of honest work; RQ's own default is 3 minutes.
        "DEFAULT_TIMEOUT": 24 * 3600,
        "DEFAULT_RESULT_TTL": 24 * 3600,
        # Pickle would make a write to Redis a way to run code here.
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
}

# django-rq's own admin pages need inline scripts, and would change jobs behind the rows' backs.
RQ_SHOW_ADMIN_LINK = False

# Rate limits are counted in the cache. One web process can count in memory; several, which is
# when there is a Redis of one's own, share that. Room for many counts: Django's 300 would let a
# few busy addresses push out the count of another.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
if REDIS_URL:
    CACHES["default"] = {
        "BACKEND": "slomo_site.cache.SharedCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "slomo",
    }

MEDIA_ROOT = SLOMO_DATA_DIR / "media"
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = SLOMO_DATA_DIR / "tmp"
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
DATA_UPLOAD_MAX_NUMBER_FILES = 20
SLOMO_MAX_UPLOAD_BYTES = env.int("SLOMO_MAX_UPLOAD_BYTES", default=4 * 1024**3)
# Set where nginx serves the media folder under an `internal` location of this name.
# Frames of the result in a segment: conversions of twice as many are shared between workers.
SLOMO_SEGMENT_FRAMES = env.int("SLOMO_SEGMENT_FRAMES", default=600)
# A conversion that shows no progress for this long hangs. A pair of 8K frames on a slow CPU, and
# copying an hour of video to a distant storage, take less.
SLOMO_STALL_SECONDS = env.float("SLOMO_STALL_SECONDS", default=600.0)
SLOMO_ACCEL_PREFIX = env.str("SLOMO_ACCEL_PREFIX", default="")

# Static files: straight from the checkout, or hashed once `collectstatic` has run

STATIC_URL = "static/"
STATIC_ROOT = SLOMO_DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "slomo_site.staticfiles.StaticStorage"},
}
WHITENOISE_USE_FINDERS = True

# Transport and headers

SLOMO_HTTPS = env.bool("SLOMO_HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SLOMO_HTTPS
if SLOMO_HTTPS:
    # Browsers take cookies of these names over HTTPS and from this very host only, so that no
    # neighbour under the same domain can plant one.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SLOMO_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SLOMO_HTTPS
SECURE_REDIRECT_EXEMPT = [
    r"^(healthz|readyz|metrics)$"
]  # a probe inside the machine speaks plain HTTP
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "slomo_site.errors.csrf_failure"

# How many reverse proxies of one's own stand in front: that many addresses at the end of
# X-Forwarded-For are believed, and with them who is being counted by the rate limits.
SLOMO_TRUSTED_PROXIES = env.int("SLOMO_TRUSTED_PROXIES", default=0)
ALLAUTH_TRUSTED_PROXY_COUNT = SLOMO_TRUSTED_PROXIES
if SLOMO_TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "media-src": ["'self'", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}

# Members

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.NameForm"
ACCOUNT_FORMS = {"signup": "accounts.signup.SignupForm"}
# "mandatory" is right wherever mail goes out: an account is then its address's, and signing up does
# not tell who has one already.
EMAIL_URL = env.str("EMAIL_URL", default="")
ACCOUNT_EMAIL_VERIFICATION = env.str(
    "ACCOUNT_EMAIL_VERIFICATION", default="mandatory" if EMAIL_URL else "optional"
)
ACCOUNT_MAX_EMAIL_ADDRESSES = 3
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Slomo: "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SLOMO_HTTPS else "http"
ACCOUNT_RATE_LIMITS = {
    # Its key is the address and the account together (accounts.adapter), so that a stranger's
    # wrong guesses shut out the stranger and not the member.
    "login_failed": "20/m/ip,5/5m/key",
    "reset_password": "10/m/ip,5/15m/key",
    "signup": "20/m/ip",
    "make_token": "30/h/user",
}

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = SLOMO_DATA_DIR / "mail"
if EMAIL_URL:
    vars().update(env.email("EMAIL_URL"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="slomo@localhost")

# API

REST_FRAMEWORK = {
    # The token first: its WWW-Authenticate header makes a missing sign-in 401, not 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.permissions.TokenScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "slomo_site.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "slomo_site.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Slomo",
    "VERSION": "1",
    "DESCRIPTION": (
        "Upload a clip, ask for slow motion, follow the work and download the result with its "
        "frame map. Make a token on your account page and send it as "
        "`Authorization: Bearer slomo_…`. Every error has the shape "
        '`{"error": {"code": …, "message": …, "fields": …}}`.'
    ),
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Language and time

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

# Whoever sends it as `Authorization: Bearer …` may read /metrics; staff may anyway.
SLOMO_METRICS_TOKEN = env.str("SLOMO_METRICS_TOKEN", default="")

# Logs: `logger.info("…", extra={"job": conversion.pk})` puts the job's id in its column

SLOMO_LOG_FORMAT = env.str("SLOMO_LOG_FORMAT", default="line")  # or json: one object a line
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "logging.Formatter",
            "fmt": "{asctime} {levelname} {process} {name} job={job} {message}",
            "style": "{",
            "defaults": {"job": "-"},
        },
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "{asctime}{levelname}{process}{name}{job}{message}",
            "style": "{",
            "defaults": {"job": None},
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": SLOMO_LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
