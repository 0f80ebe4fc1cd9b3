"""Django's settings; everything that the library says is good for production is left on."""

import os
from urllib.parse import unquote, urlsplit

_database = urlsplit(os.environ["PEER_DATABASE"])

SECRET_KEY = "of a benchmark on loopback"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["rest_framework", "django_mpesa", "mainfinity_app"]
MIDDLEWARE = ["django_mpesa.middleware.MpesaCallbackIPAllowlistMiddleware"]
ROOT_URLCONF = "mainfinity_app.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.lstrip("/"),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": _database.hostname or "",
        "PORT": str(_database.port or ""),
        "CONN_MAX_AGE": None,
    }
}
# Shared by both workers, for the access token.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": os.environ["PEER_CACHE"],
    }
}
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None, "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MPESA = {
    "ENV": "sandbox",
    "CONSUMER_KEY": "bench",
    "CONSUMER_SECRET": "bench",
    "SHORTCODE": "174379",
    "PASSKEY": "bench",
    "TRANSACTION_MODEL": "mainfinity_app.Transaction",
    "CALLBACK_LOG_MODEL": "mainfinity_app.CallbackLog",
    "STK_CALLBACK_URL": f"http://127.0.0.1:{os.environ['PEER_PORT']}/mpesa/stk/callback/",
    "CALLBACK_IP_ALLOWLIST": ["127.0.0.1"],
    "USE_CELERY": False,
}
