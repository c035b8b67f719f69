"""Everything that differs between places comes from the environment."""
import json
import os
from pathlib import Path

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only for a developer's machine")
DEBUG = os.environ.get("DJANGO_DEBUG", "false") == "true"
ALLOWED_HOSTS = json.loads(os.environ.get("DJANGO_ALLOWED_HOSTS", '["localhost", "127.0.0.1"]'))
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "notes"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

if "POSTGRESQL_DB_CONNECT_STRING" in os.environ:
    DATABASES = {"default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["POSTGRESQL_DB_NAME"],
        "USER": os.environ["POSTGRESQL_DB_USERNAME"],
        "PASSWORD": os.environ["POSTGRESQL_DB_PASSWORD"],
        "HOST": os.environ["POSTGRESQL_DB_HOSTNAME"],
        "PORT": os.environ["POSTGRESQL_DB_PORT"],
    }}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent.parent / "notes.sqlite3"}}
