"""All settings of Mailhub: read from the environment, with defaults; starts nothing (docs/settings.md)."""

import sys
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from mailhub.environment import Env, with_password

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()  # NAME_FILE reads NAME from a file

# ── Where this instance lives ───────────────────────────────────────────────
MAILHUB_HOME = Path(env.str("MAILHUB_HOME", default=str(BASE_DIR / "var"))).resolve()
# What `mailhub.embedded` wrote at the first start; the real environment wins over it.
env.read_env(MAILHUB_HOME / "local.env", overwrite=False)

PORT = env.int("PORT", default=8000)
MAILHUB_URL = env.str("MAILHUB_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
_public = urlsplit(MAILHUB_URL)
_secure = _public.scheme == "https"

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
# Former keys, for the time in which sessions and links signed with them shall still be good.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# By address the machine asks itself whether all is well; "localhost" is a name only where the instance is a local one.
ALLOWED_HOSTS = [_public.hostname or "127.0.0.1", "127.0.0.1", "[::1]"]
if DEBUG or ALLOWED_HOSTS[0] in ("127.0.0.1", "::1"):
    ALLOWED_HOSTS.append("localhost")
CSRF_TRUSTED_ORIGINS = [MAILHUB_URL]

# ── Mailhub's own ───────────────────────────────────────────────────────────
# "id:key" pairs; the first encrypts, the others still decrypt (accounts/crypto.py).
MAILHUB_ENCRYPTION_KEYS = env.list("MAILHUB_ENCRYPTION_KEYS")
# host:port pairs exempt from the public-address and standard-port rules (accounts/servers/hosts.py).
MAILHUB_ALLOWED_MAIL_HOSTS = env.list("MAILHUB_ALLOWED_MAIL_HOSTS", default=[])
# Networks (CIDR) that mail servers must not be in, such as the operator's own public ranges.
MAILHUB_DENIED_NETWORKS = env.list("MAILHUB_DENIED_NETWORKS", default=[])
# A PEM file of certificate authorities trusted besides the system's.
MAILHUB_MAIL_CA_FILE = env.str("MAILHUB_MAIL_CA_FILE", default="")
# Networks (CIDR) of the proxies in front of us: only they are believed about whom a request comes from.
MAILHUB_TRUSTED_PROXIES = env.list("MAILHUB_TRUSTED_PROXIES", default=["127.0.0.0/8", "::1/128"])
# Whether strangers may found an organization; invitations work either way.
MAILHUB_SIGNUP_OPEN = env.bool("MAILHUB_SIGNUP_OPEN", default=True)
# The demo mailbox that visitors are invited to connect, as JSON; set by `manage.py up` while the demo runs.
MAILHUB_DEMO_MAILBOX = env.json("MAILHUB_DEMO_MAILBOX", default=None)

# Threads of all workers together, against which claims are counted (docs/adr/0012): sessions at a time, and besides
# them those that have turned out to be slow.
MAILHUB_FETCH_THREADS = env.int("MAILHUB_FETCH_THREADS", default=32)
MAILHUB_FETCH_SLOW_THREADS = env.int("MAILHUB_FETCH_SLOW_THREADS", default=8)
MAILHUB_SEND_THREADS = env.int("MAILHUB_SEND_THREADS", default=8)
MAILHUB_SEND_SLOW_THREADS = env.int("MAILHUB_SEND_SLOW_THREADS", default=8)

# ── Django ──────────────────────────────────────────────────────────────────
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "mailhub.admin_config.SupportConfig",  # django.contrib.admin with our own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "django_prose_editor",  # for its static file alone: mailhub/static/mailhub/compose-editor.js
    "accounts",
    "quotas",
    "mailbox",
    "fetching",
    "sending",
    "mailhub",
]
MIDDLEWARE = [
    "mailhub.middleware.TrustedProxies",  # first: all others ask whom a request comes from, and how
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mailhub.middleware.PrivateAnswers",  # static files are answered above
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.ReadableAddressMiddleware",
]
ROOT_URLCONF = "mailhub.urls"
WSGI_APPLICATION = "mailhub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["mailhub.templatetags.mailhub"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# ── Data ────────────────────────────────────────────────────────────────────
# The pool bounds the connections of threaded workers and web threads; a thread gives its connection back
# before it talks to a mail server (fetching/engine/run.py).
# Migrations run as the role that owns the tables, everything else as one that may only read and write rows
# (accounts/database_roles.py).
_runtime = env.db_url_config(with_password(env.str("DATABASE_URL"), env.str("DATABASE_PASSWORD", default="")))
_owner_url = env.str("DATABASE_OWNER_URL", default="")
_owner = (
    env.db_url_config(with_password(_owner_url, env.str("DATABASE_OWNER_PASSWORD", default="")))
    if _owner_url
    else _runtime
)
DATABASE_RUNTIME_ROLE, DATABASE_OWNER_ROLE = _runtime["USER"], _owner["USER"]
DATABASES = {"default": _owner if sys.argv[1:2] == ["migrate"] else _runtime}
DATABASES["default"].update(
    ENGINE="django.db.backends.postgresql",
    CONN_MAX_AGE=0,
    # The pool asks each connection before it hands it out: after a restart of the database all of them are dead.
    CONN_HEALTH_CHECKS=True,
    OPTIONS={"pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=16), "timeout": 20}},
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = with_password(env.str("REDIS_URL"), env.str("REDIS_PASSWORD", default=""))
CACHES = {
    "default": {
        "BACKEND": "mailhub.cache.Cache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "mailhub",
        "VERSION": 2,  # 1 was pickled
        "OPTIONS": {"serializer": "mailhub.cache_format.JsonSerializer"},
    }
}
# The first cuts off what is far too large for a message (sending/compose/upload_limit.py).
FILE_UPLOAD_HANDLERS = [
    "sending.compose.upload_limit.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

STATIC_URL = "/static/"
STATIC_ROOT = MAILHUB_HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# ── Tasks ───────────────────────────────────────────────────────────────────
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "work"
CELERY_TASK_ROUTES = {
    # A worker of their own, so that no slow work delays them.
    "fetching.tasks.dispatch": {"queue": "ticks"},
    "sending.tasks.dispatch": {"queue": "ticks"},
    "fetching.tasks.sweep": {"queue": "ticks"},
    "sending.tasks.sweep": {"queue": "ticks"},
    "accounts.tasks.dispatch_mail": {"queue": "ticks"},
    "accounts.tasks.resume_removals": {"queue": "ticks"},
    "mailbox.tasks.resume_emptying": {"queue": "ticks"},
    "fetching.tasks.fetch_account": {"queue": "fetch"},
    "fetching.tasks.fetch_slow_account": {"queue": "fetch_slow"},
    # A queue of its own, so that a message a person has sent waits behind nothing that is fetched.
    "sending.tasks.send_due": {"queue": "send"},
    "sending.tasks.send_claimed": {"queue": "send"},
    # A person waits for these: tests of a server's settings, and what Mailhub itself writes.
    "fetching.tasks.probe": {"queue": "probe"},
    "sending.tasks.probe": {"queue": "probe"},
    "accounts.tasks.send_mail": {"queue": "mail"},
    "accounts.tasks.mail_invitation": {"queue": "mail"},
    "accounts.tasks.mail_invitations": {"queue": "mail"},
    "fetching.tasks.tell_owner": {"queue": "mail"},
    "sending.tasks.tell_owner": {"queue": "mail"},
    "sending.tasks.send_code": {"queue": "mail"},
}
# The lease of a fetch decides when it may run again (fetching/scheduler/claims.py), not the broker: acknowledge early.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600, "max_connections": 200}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(MAILHUB_HOME / "beat-schedule")
# A tick that could not be delivered before the next one is worthless: it expires, so nothing piles up.
CELERY_BEAT_SCHEDULE = {
    "dispatch due accounts": {
        "task": "fetching.tasks.dispatch",
        "schedule": 5.0,
        "options": {"expires": 4.5},
    },
    "send what is due": {"task": "sending.tasks.dispatch", "schedule": 5.0, "options": {"expires": 4.5}},
    # What must be done is a row; these find the rows whose task was lost.
    **{
        f"sweep: {task}": {"task": task, "schedule": 30.0, "options": {"expires": 25.0}}
        for task in ("fetching.tasks.sweep", "sending.tasks.sweep", "accounts.tasks.dispatch_mail")
    },
    "finish removals": {
        "task": "accounts.tasks.resume_removals",
        "schedule": 30.0,
        "options": {"expires": 25.0},
    },
    "finish emptying": {
        "task": "mailbox.tasks.resume_emptying",
        "schedule": 30.0,
        "options": {"expires": 25.0},
    },
    "delete expired fetches": {
        "task": "fetching.tasks.delete_expired",
        "schedule": 3600.0,
        "options": {"expires": 1800.0},
    },
    "delete expired messages": {
        "task": "sending.tasks.delete_expired",
        "schedule": 3600.0,
        "options": {"expires": 1800.0},
    },
    "mail invitations that were not sent": {
        "task": "accounts.tasks.mail_invitations",
        "schedule": 60.0,
        "options": {"expires": 50.0},
    },
}

# ── People ──────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = reverse_lazy("home")
LOGIN_URL = reverse_lazy("account_login")
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"signup": "accounts.forms.SignupForm"}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ACCOUNT_CHANGE_EMAIL = True
# The password again before what could take a sign-in away from its person (accounts/reauthentication.py).
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
# Each change of address or password is told to the address that counted before it.
ACCOUNT_EMAIL_NOTIFICATIONS = True

# ── System mail (what Mailhub itself writes; people's mail goes through `sending`) ──
EMAIL_FILE_PATH = MAILHUB_HOME / "outbox"
if env.str("EMAIL_URL", default=""):
    globals().update(env.email("EMAIL_URL"))
else:
    EMAIL_BACKEND = "mailhub.mail_files.EmailBackend"
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Mailhub <mailhub@localhost>")
EMAIL_TIMEOUT = 30

# ── Language and time ───────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("id", _("Indonesian"))]
LOCALE_PATHS = [BASE_DIR / "mailhub" / "locale"]
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True

# ── Security ────────────────────────────────────────────────────────────────
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _secure
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _secure else None
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if _secure else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"  # message bodies are shown in a frame of our own page
# Unfold's pages of /support/ need inline script and style: mailhub/admin.py widens the policy for them alone.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [SELF],
    }
}

# ── The support desk at /support/ ───────────────────────────────────────────
UNFOLD = {
    "SITE_TITLE": _("Mailhub support"),
    "SITE_HEADER": _("Mailhub support"),
    "SITE_SYMBOL": "support_agent",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("mailhub/favicon.svg")}
    ],
    "SHOW_VIEW_ON_SITE": False,
}

# ── Logs ────────────────────────────────────────────────────────────────────
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    "filters": {"without_keys": {"()": "mailhub.log_filters.WithoutKeys"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["without_keys"]}
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
    "loggers": {
        "mailhub": {"level": "INFO"},
        "fetching": {"level": "INFO"},
        "django.server": {"level": "WARNING"},
        # Refused requests are the visitor's business; the log of a quiet instance stays quiet.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
