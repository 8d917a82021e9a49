"""The Celery application. Run by `python -m workers.dial` and `python -m workers.imports`."""

from celery import Celery

from campaigns.config import settings
from campaigns.hints import celery_settings
from workers.broker import broker_of, transport_for

BROKER = broker_of(settings())

app = Celery("outdial", include=["workers.tasks"])
app.conf.update(celery_settings(BROKER), broker_transport=transport_for(BROKER))
