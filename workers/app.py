"""The Celery application. Run by `python -m workers.dial` and `python -m workers.imports`."""

from celery import Celery
from kombu.transport.redis import Channel

from campaigns.config import settings
from campaigns.hints import celery_settings

app = Celery("outdial", include=["workers.tasks"])
app.conf.update(celery_settings(settings().broker_url or str(settings().redis_url)))
# What a worker holds when its connection breaks is not put back by it: kombu 5.7 asks the broken
# connection for that, and an error there ends the whole worker. A hint that is lost is sent again.
Channel.do_restore = False
