"""The Celery application. Run by `python -m workers.dial` and `python -m workers.imports`."""

from celery import Celery

from campaigns.config import settings
from campaigns.hints import celery_settings

app = Celery("outdial", include=["workers.tasks"])
app.conf.update(celery_settings(settings().broker_url or str(settings().redis_url)))
