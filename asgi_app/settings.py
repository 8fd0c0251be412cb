"""Every setting, read once from the environment; see `.env.example` for each."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from asgi_app import env as _env
from asgi_app import values as _values

BASE_DIR = Path(__file__).resolve().parent.parent
_read = _env.Env.load(Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env"))
# What the program makes for itself; a relative path is taken from the project.
VAR_DIR = BASE_DIR / _read.text("VAR_DIR", "var")
_SECRETS = VAR_DIR / "secrets"
PORT = _read.parsed("PORT", _values.port, 8000)

DEBUG = _read.flag("DEBUG", default=False)
SECRET_KEY = _read.parsed("SECRET_KEY", _values.secret_key, "") or _env.kept_secret(
    _SECRETS, "SECRET_KEY", size=48
)
SECRET_KEY_FALLBACKS = _read.parsed_items("SECRET_KEY_FALLBACKS", _values.secret_key)
PUBLIC_URL = _read.parsed("PUBLIC_URL", _values.public_url, "")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = _read.items("ALLOWED_HOSTS") or [
    "localhost",
    "127.0.0.1",
    "[::1]",
    *filter(None, [_values.host_of(PUBLIC_URL)]),
]
_values.refuse_unknown_host("ALLOWED_HOSTS", _values.host_of(PUBLIC_URL), ALLOWED_HOSTS)
TRUSTED_PROXIES = _read.parsed_items("TRUSTED_PROXIES", _values.network)

# Basic auth: passwords by user. Without any, one is made and kept.
BASIC_AUTH_USERS = _read.users("BASIC_AUTH_USERS")
BASIC_AUTH_IS_GENERATED = not BASIC_AUTH_USERS
if BASIC_AUTH_IS_GENERATED:
    BASIC_AUTH_USERS = {
        "operator": _env.kept_secret(_SECRETS, "BASIC_AUTH_PASSWORD", size=12)
    }

if _database_url := _read.text("DATABASE_URL"):
    _database = _env.database("DATABASE_URL", _database_url, base=BASE_DIR)
    if not _database_url.startswith("sqlite:"):
        _env.require_mysql_drivers("DATABASE_URL")
else:
    _folder = _env.made_folder("VAR_DIR", VAR_DIR)
    _database = _env.sqlite(_folder / "campaigns.sqlite3")
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Without either, the launcher starts a private Valkey. It hands its address to the
# processes as REDIS_URL, and REDIS_IS_EMBEDDED with it so that pages can say so.
REDIS_URL = _read.parsed("REDIS_URL", _values.redis_url, "")
REDIS_SENTINEL = _read.parsed("REDIS_SENTINEL", _values.sentinel, "")
REDIS_PASSWORD = _read.text("REDIS_PASSWORD")
REDIS_SENTINEL_PASSWORD = _read.text("REDIS_SENTINEL_PASSWORD")
REDIS_IS_EMBEDDED = _read.flag(
    "REDIS_IS_EMBEDDED", default=not (REDIS_URL or REDIS_SENTINEL)
)

CHATAPP_BASE_URL = _read.parsed("CHATAPP_BASE_URL", _values.web_url, "")
CHATAPP_EMAIL = _read.text("CHATAPP_EMAIL")
CHATAPP_PASSWORD = _read.text("CHATAPP_PASSWORD")
CHATAPP_APP_ID = _read.text("CHATAPP_APP_ID")
CHATAPP_LICENSE_ID = _read.parsed("CHATAPP_LICENSE_ID", _values.licence_id, "")
CHATAPP_MESSENGER = _read.parsed("CHATAPP_MESSENGER", _values.messenger, "grWhatsApp")
CHATAPP_TRACKING = _read.flag("CHATAPP_TRACKING", default=True)
CHATAPP_RATE_LIMIT = _read.number("CHATAPP_RATE_LIMIT", 40, least=0.1, most=50)
CHATAPP_IS_SANDBOX = (
    not CHATAPP_BASE_URL or urlsplit(CHATAPP_BASE_URL).hostname in _values.SANDBOX_HOSTS
)
SANDBOX_EMAIL, SANDBOX_APP_ID = _values.SANDBOX_EMAIL, _values.SANDBOX_APP_ID
if CHATAPP_IS_SANDBOX:
    _values.refuse_account_without_url(_read)
    CHATAPP_EMAIL = CHATAPP_EMAIL or SANDBOX_EMAIL
    CHATAPP_APP_ID = CHATAPP_APP_ID or SANDBOX_APP_ID
    CHATAPP_PASSWORD = CHATAPP_PASSWORD or _env.kept_secret(
        _SECRETS, "SANDBOX_PASSWORD", size=12
    )
else:
    _values.refuse_missing_account(_read)
    _values.refuse_shipped(_read)

SEND_DELAY_MIN = _read.number("SEND_DELAY_MIN", 5, least=0, most=86_400)
SEND_DELAY_MAX = _read.number("SEND_DELAY_MAX", 50, least=0, most=86_400)
if SEND_DELAY_MAX < SEND_DELAY_MIN:
    raise _env.SettingError(
        "SEND_DELAY_MAX",
        f"{SEND_DELAY_MAX:g} is less than SEND_DELAY_MIN ({SEND_DELAY_MIN:g})",
    )

# How many may leave on the first day of a new line, its second, …; 0 lifts it.
WARM_UP = [step for step in _read.parsed_items("WARM_UP", _values.whole) if step]
if not (_read.text("WARM_UP") or CHATAPP_IS_SANDBOX):
    WARM_UP = [20, 50, 100, 200, 400, 800]
# Who got a campaign within so many days is named before another; 0 never.
COOLING_OFF_DAYS = int(_read.number("COOLING_OFF_DAYS", 7, least=0, most=365))
PHONE_REGION = _read.parsed("PHONE_REGION", _values.phone_region, "RU")
PHONE_CHECK = _read.flag("PHONE_CHECK", default=False)
STOP_WORDS = _read.items("STOP_WORDS") or ["СТОП", "STOP", "отписка", "отписаться"]

WEBHOOK_SECRET = _read.parsed_items("WEBHOOK_SECRET", _values.url_safe_secret) or [
    _env.kept_secret(_SECRETS, "WEBHOOK_SECRET")
]
SPOOL_DIR = BASE_DIR / (_read.text("SPOOL_DIR") or VAR_DIR / "spool")
SENTRY_DSN = _read.parsed("SENTRY_DSN", _values.sentry_dsn, "")

INSTALLED_APPS = ["asgi_app", "chatapp", "campaigns"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "asgi_app.middleware.content_security_policy",
    "asgi_app.languages.language",
    "campaigns.api.problems.as_problems",
    "asgi_app.middleware.basic_auth",
    "asgi_app.middleware.RequestSubjects",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "asgi_app.urls"
STATIC_URL = "/static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "asgi_app.context.house",
            ]
        },
    }
]

LANGUAGE_CODE = _read.parsed("LANGUAGE_CODE", _values.language, "en")
LANGUAGES = [("en", "English"), ("ru", "Русский")]
USE_I18N = True
FORMAT_MODULE_PATH = ["asgi_app.formats"]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = _public.scheme == "https"
TIME_ZONE = _read.parsed("TIME_ZONE", _values.time_zone, "Europe/Moscow")
USE_TZ = True

CSRF_COOKIE_HTTPONLY = True
# A link from elsewhere must not change the cookie under a form in another tab, as
# Strict would; foreign POSTs go without it all the same.
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _public.scheme == "https"
# Behind a proxy that ends TLS, requests themselves look like plain http.
CSRF_TRUSTED_ORIGINS = [f"https://{_public.netloc}"] if CSRF_COOKIE_SECURE else []
SECURE_REFERRER_POLICY = "same-origin"
# A year, for who has reached the site by https:// once; sent by our own middleware.
HSTS_S = 31_536_000 if _public.scheme == "https" else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # the policy's frame-ancestors and our own X-Frame-Options
    "security.W004",  # HSTS_S
    "security.W008",  # the proxy that ends TLS redirects
    *([] if _public.scheme == "https" else ["security.W016"]),  # no TLS to insist on
]

# Enough for a list of 100,000 phones pasted into the form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# Wherever an error may quote them: in the log, and in what the queue page shows.
MASKED_SECRETS = [
    SECRET_KEY,
    *SECRET_KEY_FALLBACKS,
    *BASIC_AUTH_USERS.values(),
    *WEBHOOK_SECRET,
    CHATAPP_PASSWORD,
    str(_database.get("PASSWORD", "")),
    unquote(urlsplit(REDIS_URL).password or ""),
    REDIS_PASSWORD,
    REDIS_SENTINEL_PASSWORD,
    urlsplit(SENTRY_DSN).username or "",
]
LOG_FORMAT = _read.parsed("LOG_FORMAT", _values.log_format, "LineFormatter")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"no_probes": {"()": "asgi_app.logs.AllButProbes"}},
    "formatters": {
        "line": {
            "()": f"asgi_app.logs.{LOG_FORMAT}",
            "secrets": MASKED_SECRETS,
            "phones": _read.flag("LOG_PHONES", default=False),
        }
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "line",
        }
    },
    "root": {"handlers": ["stdout"], "level": "INFO"},
    "loggers": {
        # Django's own handlers would write each record a second time.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # A warning for every visit before the password, and for every 404.
        "django.request": {"level": "ERROR", "filters": ["no_probes"]},
        # They log a line for every request to the API.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # It starts with a format of its own; and naming a logger here undoes what its
        # command line said about those below it.
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"level": "WARNING"},
        # A line for every request, with the callback's path.
        "uvicorn.access": {"level": "WARNING"},
        # Two lines for every job, and a job every few seconds.
        "arq.worker": {"level": "WARNING"},
    },
}
