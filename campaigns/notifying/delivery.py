"""The couriers: deliveries are claimed, sent outside of any transaction, and recorded.

Any number may run beside each other, in any process. One that dies leaves a lease that ends.
"""

import logging
import random
import smtplib
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.config import Settings
from campaigns.db import database_now, transaction
from campaigns.errors import NotConfigured, OutdialError
from campaigns.notifying import mail
from campaigns.notifying.addresses import resolve
from campaigns.notifying.backoff import LONGEST_ASKED, next_wait
from campaigns.notifying.events import body_of, message_id
from campaigns.notifying.mail import Mailer
from campaigns.notifying.posting import Poster, Reply
from campaigns.notifying.signing import headers_of
from campaigns.store import delivery_log, dispatch, outgoing
from campaigns.store.outgoing import ClaimedDelivery, Tried
from campaigns.vault import Vault

log = logging.getLogger(__name__)

THREADS = 12
PER_ENDPOINT = 4
# Far longer than a name takes to resolve and a POST to end.
LEASE = 90.0
IDLE_SECONDS = 0.5
BUSY_SECONDS = 0.02
# After n failures in a row an endpoint rests n of these seconds, so that many that are down
# together leave the threads to the others.
REST = 5.0
LONGEST_REST = 60.0
DISABLED_AFTER = timedelta(days=5)
GONE = 410
NO_MAIL = "No mail was sent: OUTDIAL_SMTP_URL is not set."


@dataclass(frozen=True, slots=True)
class Outside:
    """What a courier needs of the world: how to post, how to mail, how to open secrets."""

    vault: Vault
    poster: Poster
    mailer: Mailer | None

    @classmethod
    def of(cls, config: Settings, vault: Vault) -> "Outside":
        """As the settings say. Raises `NotConfigured` when those of mail contradict each other."""
        poster = Poster(resolve, allow_private=config.webhook_allow_private)
        return cls(vault, poster, Mailer.of(config))


class Courier:
    """Delivers what is due, on a few threads of its own."""

    def __init__(self, engine: Engine, outside: Outside, *, threads: int = THREADS) -> None:
        self._engine, self._outside, self._threads = engine, outside, threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="courier")
        self._flying: set[Future[None]] = set()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Deliver until `close`."""
        self._thread = threading.Thread(target=self._run, name="courier")
        self._thread.start()

    def close(self) -> None:
        """Take nothing more, and wait for what is on its way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(wait=True)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                taken = self.take()
            except SQLAlchemyError as error:
                log.warning("database trouble: %s", type(error).__name__)
                taken = 0
            self._stopped.wait(BUSY_SECONDS if taken else IDLE_SECONDS)

    def take(self) -> int:
        """Claim what is due and begin to send it; returns how many."""
        self._flying = {one for one in self._flying if not one.done()}
        room = self._threads - len(self._flying)
        if room <= 0:
            return 0
        with transaction(self._engine) as session:
            claimed = outgoing.claim_mails(session, lease=LEASE, most=1)
            claimed += outgoing.claim_webhooks(
                session, lease=LEASE, most=room - len(claimed), per_endpoint=PER_ENDPOINT
            )
        self._flying |= {self._pool.submit(self._deliver_safely, one) for one in claimed}
        return len(claimed)

    def settle(self) -> None:
        """Wait for everything that was taken."""
        wait(self._flying)

    def deliver_now(self, delivery_id: int) -> None:
        """Send this delivery on the caller's thread, unless somebody else has taken it."""
        with transaction(self._engine) as session:
            one = outgoing.claim_delivery(session, delivery_id, lease=LEASE)
        if one is not None:
            self.deliver(one)

    def _deliver_safely(self, one: ClaimedDelivery) -> None:
        try:
            self.deliver(one)
        except SQLAlchemyError as error:  # its lease ends, and somebody sends it again
            log.warning("delivery %d is not recorded: %s", one.id, type(error).__name__)
        except Exception:
            log.exception("delivery %d ended in a fault", one.id)

    def deliver(self, one: ClaimedDelivery) -> None:
        """Send one claimed delivery and record what came of it."""
        reply = self._mail(one) if one.endpoint_id is None else self._post(one)
        with transaction(self._engine) as session:
            _record(session, one, reply, database_now(session))

    def _post(self, one: ClaimedDelivery) -> Reply:
        assert one.url is not None, "a webhook has an endpoint"
        body = body_of(one.type, one.at, one.data)
        try:
            headers = headers_of(self._outside.vault, one, body, datetime.now(UTC))
        except NotConfigured:
            return Reply(
                None,
                "The secret was encrypted under another OUTDIAL_SECRET_KEY. Nothing was sent. "
                "Set the former key, or give the webhook a new secret.",
                0,
            )
        return self._outside.poster.post(one.url, body, headers)

    def _mail(self, one: ClaimedDelivery) -> Reply:
        began, mailer = monotonic(), self._outside.mailer
        if mailer is None:
            return Reply(None, NO_MAIL, 0)
        try:
            mailer.send(mail.about(mailer, one.type, message_id(one.key), one.at, one.data))
        except (OSError, smtplib.SMTPException, ValueError, OutdialError) as error:
            return Reply(None, _plain(error), round((monotonic() - began) * 1000))
        return Reply(250, None, round((monotonic() - began) * 1000))


def _plain(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500].replace("\0", " ")


def _record(session: Session, one: ClaimedDelivery, reply: Reply, now: datetime) -> None:
    if reply.ok:
        outgoing.record_delivered(session, one, _tried(reply))
        if one.endpoint_id is not None:
            outgoing.note_endpoint_success(session, one.endpoint_id)
        return
    wait_for = next_wait(one.tries, random.random(), reply.retry_after)
    if reply.error == NO_MAIL:
        wait_for = None  # nothing changes while this process runs
    due_at = None if wait_for is None else now + timedelta(seconds=wait_for)
    outgoing.record_failed(session, one, _tried(reply, due_at))
    if due_at is None:
        log.warning("delivery %d (%s) is given up: %s", one.id, one.type, reply.error)
    if one.endpoint_id is not None:
        note_failure(session, one.endpoint_id, reply, now)


def _tried(reply: Reply, due_at: datetime | None = None) -> Tried:
    return Tried(reply.status, reply.error, reply.milliseconds, reply.text, due_at)


def note_failure(session: Session, endpoint_id: int, reply: Reply, now: datetime) -> None:
    since = outgoing.note_endpoint_failure(
        session,
        endpoint_id,
        rest=REST,
        longest=LONGEST_REST,
        asked=min(reply.retry_after or 0.0, LONGEST_ASKED),
    )
    if reply.status == GONE:
        why = "It answered 410 (gone)."
    elif now - since >= DISABLED_AFTER:
        why = f"Nothing has succeeded since {since:%Y-%m-%d %H:%M} UTC. Last: {reply.error}"
    else:
        return
    sentence = f"{why} The webhook was switched off; what waits for it is kept. Resume it."
    if outgoing.disable_endpoint(session, endpoint_id, sentence):
        log.warning("webhook %d is switched off", endpoint_id)
        dispatch.write_log(session, f"The webhook {endpoint_id}: {sentence}", now)


def forget_old_deliveries(engine: Engine, keep: timedelta) -> int:
    """Drop what is older than that, a batch at a time; returns how many deliveries."""
    with transaction(engine) as session:
        before = database_now(session) - keep
        dropped = delivery_log.forget_deliveries(session, before)
        delivery_log.forget_events(session, before)
        delivery_log.forget_removed_endpoints(session)
    return dropped
