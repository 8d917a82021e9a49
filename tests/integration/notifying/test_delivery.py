"""Deliveries: signed, at least once, tried again from the database, and never in others' way."""

import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from campaigns.access import CLI
from campaigns.notifying import endpoints
from campaigns.notifying.addresses import resolve
from campaigns.notifying.backoff import WAITS
from campaigns.notifying.delivery import (
    PER_ENDPOINT,
    Courier,
    Outside,
    forget_old_deliveries,
)
from campaigns.notifying.posting import Poster
from campaigns.store import delivery_log, outgoing
from campaigns.store.outgoing import Tried
from campaigns.vault import Vault
from tests.factories import make_attempt, make_recipient
from tests.integration.core.conftest import Bench, ended, tell
from tests.integration.notifying.receiver import Answer, Received, Receiver


@pytest.fixture
def row(bench):
    """The row of a delivery."""

    def read(delivery_id):
        (found,) = bench.rows("SELECT * FROM webhook_deliveries WHERE id = :id", id=delivery_id)
        return found

    return read


@pytest.fixture
def endpoint(bench):
    """The row of an endpoint."""

    def read(made):
        (found,) = bench.rows("SELECT * FROM webhook_endpoints WHERE id = :id", id=made.row.id)
        return found

    return read


@pytest.fixture
def live_attempt(bench, campaign):
    """A call that rings."""
    return bench.run(make_attempt, bench.run(make_recipient, campaign), "ringing")


def failing(status: int = 500, **named: Any) -> Callable[[Received], Answer]:
    return lambda _received: Answer(status, **named)


def due_now(bench: Bench) -> None:
    """Time passes: whatever waits is due, and no endpoint rests."""
    bench.rows("UPDATE webhook_deliveries SET due_at = now() - interval '1 second'")
    bench.rows("UPDATE webhook_endpoints SET rest_until = NULL")


def test_receivers_verify_what_they_get_with_their_own_library(
    bench, subscribe, deliver, receiver, campaign, row
):
    made = subscribe("campaign.paused", url=receiver.url)
    bench.set("campaigns", campaign.id, status="paused", status_reason="paused: “über” \u2028 done")
    assert deliver() == 1
    (received,) = receiver.received
    payload = received.opened(made.secret)
    assert (payload["type"], payload["version"]) == ("campaign.paused", 1)
    assert payload["data"]["reason"] == "paused: “über” \u2028 done"
    assert payload["timestamp"].endswith("+00:00")
    assert received.path == "/hook"
    assert received.headers["content-type"] == "application/json"
    delivery = row(1)
    assert (delivery.status, delivery.status_code, delivery.tries) == ("delivered", 200, 1)
    assert (delivery.error, delivery.response) == (None, "thank you")
    assert delivery.finished_at is not None
    assert deliver() == 0


def test_a_body_that_was_changed_on_the_way_is_not_ours(subscribe, ping, deliver, receiver):
    made = subscribe(url=receiver.url)
    ping(made)
    deliver()
    (received,) = receiver.received
    forged = type(received)(received.path, received.headers, received.body.replace("test", "lie"))
    with pytest.raises(WebhookVerificationError):
        forged.opened(made.secret)


def test_secrets_are_stored_encrypted(bench, subscribe, vault):
    made = subscribe()
    assert made.secret.startswith("whsec_")
    stored = bytes(bench.value("SELECT secret FROM webhook_endpoints"))
    assert made.secret.encode() not in stored
    assert vault.decrypt(stored) == {"secret": made.secret}


def test_for_a_day_after_a_new_secret_the_old_one_signs_too(
    bench, subscribe, ping, deliver, receiver, vault
):
    made = subscribe(url=receiver.url)
    fresh = bench.run(endpoints.rotate_secret, vault, made.row.id, CLI, bench.now())
    ping(made)
    deliver()
    assert receiver.received[0].opened(made.secret) == receiver.received[0].opened(fresh)
    left = bench.value("SELECT old_secret_until - now() FROM webhook_endpoints")
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    bench.rows("UPDATE webhook_endpoints SET old_secret_until = now()")
    ping(made)
    deliver()
    assert receiver.received[1].opened(fresh)["type"] == "webhook.test"
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].opened(made.secret)


def test_what_fails_is_tried_again_under_the_same_id(
    bench, subscribe, ping, deliver, receiver, row
):
    made = subscribe(url=receiver.url)
    receiver.answer = failing(500, body=b"\0no\xff" + b"x" * 5000)
    delivery = ping(made)
    deliver()
    waiting = row(delivery)
    assert (waiting.status, waiting.status_code, waiting.tries) == ("waiting", 500, 1)
    assert waiting.error == "Answered 500."
    assert len(waiting.response) == 1024
    assert waiting.response.startswith("\ufffdno\ufffdx")
    wait = waiting.due_at - waiting.tried_at
    assert timedelta(seconds=WAITS[0]) <= wait < timedelta(seconds=WAITS[0] * 1.2 + 2)
    assert deliver() == 0
    due_now(bench)
    receiver.answer = lambda _received: Answer()
    assert deliver() == 1
    assert (row(delivery).status, row(delivery).tries) == ("delivered", 2)
    ids = {received.headers["webhook-id"] for received in receiver.received}
    assert len(receiver.received) == 2
    assert len(ids) == 1


def test_after_the_last_try_it_is_given_up(bench, subscribe, ping, deliver, receiver, row):
    made = subscribe(url=receiver.url)
    receiver.answer = failing()
    delivery = ping(made)
    for _ in range(len(WAITS)):
        assert deliver() == 1
        assert row(delivery).status == "waiting"
        due_now(bench)
    deliver()
    assert (row(delivery).status, row(delivery).tries) == ("given_up", len(WAITS) + 1)
    due_now(bench)
    assert deliver() == 0


def test_nobody_there_is_a_failure_like_any_other(subscribe, ping, deliver, row):
    delivery = ping(subscribe(url="http://127.0.0.1:9/hook"))
    deliver()
    assert (row(delivery).status, row(delivery).status_code) == ("waiting", None)
    assert "ConnectError" in row(delivery).error


def test_a_courier_that_died_after_the_claim_leaves_it_to_the_next(
    bench, subscribe, ping, deliver, receiver, row
):
    made = subscribe(url=receiver.url)
    delivery = ping(made)
    claimed = bench.run(outgoing.claim_webhooks, lease=60, most=9, per_endpoint=9)
    assert [one.id for one in claimed] == [delivery]
    assert deliver() == 0, "while the lease lasts nobody else sends it"
    bench.rows("UPDATE webhook_deliveries SET due_at = now()")  # the lease ends
    assert deliver() == 1
    assert (row(delivery).status, row(delivery).tries) == ("delivered", 2)
    assert receiver.received[0].opened(made.secret)["type"] == "webhook.test"


def test_a_courier_that_comes_back_late_does_not_undo_what_the_next_one_did(
    bench, subscribe, ping, deliver, receiver, row
):
    delivery = ping(subscribe(url=receiver.url))
    (late,) = bench.run(outgoing.claim_webhooks, lease=60, most=9, per_endpoint=9)
    bench.rows("UPDATE webhook_deliveries SET due_at = now()")
    deliver()
    bench.run(outgoing.record_failed, late, Tried(None, "too late", 1, None, bench.now()))
    assert (row(delivery).status, row(delivery).error) == ("delivered", None)
    assert deliver() == 0


def test_couriers_beside_each_other_send_each_delivery_once(
    engine, outside, subscribe, ping, receiver, bench
):
    made = subscribe(url=receiver.url)
    for _ in range(20):
        ping(made)
    couriers = [Courier(engine, outside, threads=4) for _ in range(3)]
    for courier in couriers:
        courier.start()
    try:
        while bench.value("SELECT count(*) FROM webhook_deliveries WHERE status <> 'delivered'"):
            pass
    finally:
        for courier in couriers:
            courier.close()
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert len(ids) == len(set(ids)) == 20


def test_a_slow_endpoint_keeps_nobody_else_waiting(bench, subscribe, ping, courier, receiver, row):
    let_go = threading.Event()
    slow = Receiver()
    slow.answer = lambda _received: Answer() if let_go.wait(60) else Answer(500)
    try:
        stuck = subscribe(url=slow.url)
        waiting = [ping(stuck) for _ in range(PER_ENDPOINT + 30)]
        quick = ping(subscribe(url=receiver.url))
        assert courier.take() == PER_ENDPOINT + 1
        while row(quick).status != "delivered":
            pass
        assert courier.take() == 0, "the slow one has all it may have"
        assert {row(one).status for one in waiting[:PER_ENDPOINT]} == {"sending"}
        let_go.set()
        courier.settle()
        assert row(waiting[0]).status == "delivered"
    finally:
        let_go.set()
        courier.settle()
        slow.close()


def test_an_endpoint_that_fails_rests_and_then_gets_one_at_a_time(
    bench, subscribe, ping, deliver, receiver, endpoint
):
    made = subscribe(url=receiver.url)
    receiver.answer = failing()
    first = ping(made)
    deliver()
    for _ in range(3):
        ping(made)
    assert deliver() == 0
    assert endpoint(made).rest_until > bench.now()
    bench.rows("UPDATE webhook_endpoints SET rest_until = now()")
    assert deliver() == 1
    assert endpoint(made).failures == 2
    receiver.answer = lambda _received: Answer()
    due_now(bench)
    assert deliver() == 1
    assert (endpoint(made).failures, endpoint(made).failing_since) == (0, None)
    assert deliver() == 3
    assert first == 1


def test_a_receiver_may_ask_for_time(bench, subscribe, ping, deliver, receiver, row, endpoint):
    made = subscribe(url=receiver.url)
    receiver.answer = failing(429, headers=(("Retry-After", "600"),))
    delivery = ping(made)
    deliver()
    assert row(delivery).due_at - row(delivery).tried_at >= timedelta(seconds=600)
    assert endpoint(made).rest_until - bench.now() > timedelta(seconds=590)


def test_one_that_has_only_failed_for_days_is_switched_off_with_a_sentence(
    bench, subscribe, ping, deliver, receiver, endpoint, row
):
    made = subscribe(url=receiver.url)
    receiver.answer = failing(503)
    delivery = ping(made)
    deliver()
    assert endpoint(made).status == "active"
    bench.rows("UPDATE webhook_endpoints SET failing_since = now() - interval '5 days 1 minute'")
    due_now(bench)
    deliver()
    found = endpoint(made)
    assert found.status == "disabled"
    assert "Nothing has succeeded since" in found.status_reason
    assert "Answered 503." in found.status_reason
    assert found.status_reason in bench.value("SELECT sentence FROM campaign_log")
    due_now(bench)
    assert deliver() == 0
    receiver.answer = lambda _received: Answer()
    bench.run(endpoints.resume_endpoint, made.row.id, CLI, bench.now())
    assert deliver() == 1, "what waited was kept"
    assert row(delivery).status == "delivered"


def test_one_that_says_it_is_gone_is_switched_off_at_once(
    subscribe, ping, deliver, receiver, endpoint
):
    made = subscribe(url=receiver.url)
    receiver.answer = failing(410)
    ping(made)
    deliver()
    assert endpoint(made).status == "disabled"
    assert endpoint(made).status_reason.startswith("It answered 410 (gone).")


def test_redirects_are_not_followed(subscribe, ping, deliver, receiver, row):
    receiver.answer = failing(307, headers=(("Location", "/elsewhere"),))
    delivery = ping(subscribe(url=receiver.url))
    deliver()
    assert [received.path for received in receiver.received] == ["/hook"]
    assert "redirects are not followed" in row(delivery).error


def test_an_answer_that_drips_is_not_waited_for(subscribe, ping, engine, vault, row):
    listening = socket.create_server(("127.0.0.1", 0))
    hurry = Poster(resolve, allow_private=True, seconds=0.3)
    courier = Courier(engine, Outside(vault, hurry, None))
    stop = threading.Event()

    def drip():
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            try:
                while not stop.wait(0.05):
                    connection.sendall(b"X-Still: here\r\n")
            except OSError:
                pass

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        port = listening.getsockname()[1]
        delivery = ping(subscribe(url=f"http://127.0.0.1:{port}/"))
        courier.take()
        courier.settle()
        assert row(delivery).error == "No complete answer within 0.3 seconds."
    finally:
        stop.set()
        dripping.join()
        listening.close()
        courier.close()


def test_a_paused_endpoint_is_told_later_what_waited(
    bench, subscribe, ping, deliver, receiver, live_attempt, told
):
    made = subscribe(url=receiver.url)
    ping(made)
    bench.run(endpoints.pause_endpoint, made.row.id, CLI, bench.now())
    tell(bench, live_attempt.id, ended("busy"))
    assert deliver() == 0
    bench.run(endpoints.resume_endpoint, made.row.id, CLI, bench.now())
    deliver()
    assert [one.opened(made.secret)["type"] for one in receiver.received] == ["webhook.test"]
    assert [row.type for row in told()] == ["webhook.test"]


def test_a_removed_endpoint_gets_nothing_and_keeps_no_secret(
    bench, subscribe, ping, deliver, receiver, endpoint
):
    made = subscribe(url=receiver.url)
    ping(made)
    bench.run(endpoints.remove_endpoint, made.row.id, CLI, bench.now())
    assert deliver() == 0
    assert receiver.received == []
    assert bytes(endpoint(made).secret) == b""
    assert bench.run(outgoing.list_endpoints) == []


def test_a_delivery_is_sent_again_when_somebody_asks(
    bench, subscribe, ping, deliver, receiver, row
):
    made = subscribe(url=receiver.url)
    delivery = ping(made)
    deliver()
    bench.run(endpoints.replay_one, made.row.id, delivery, CLI, bench.now())
    assert row(delivery).status == "waiting"
    assert deliver() == 1
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_everything_that_failed_since_is_sent_again(bench, subscribe, ping, deliver, receiver, row):
    made = subscribe(url=receiver.url)
    done = ping(made)
    deliver()
    lost, old, other = ping(made), ping(made), ping(subscribe(url=receiver.url))
    for one in (lost, old, other):
        bench.set("webhook_deliveries", one, status="given_up", tries=10)
    bench.rows(
        "UPDATE webhook_deliveries SET created_at = now() - interval '2 days' WHERE id = :id",
        id=old,
    )
    since = bench.now() - timedelta(days=1)
    assert bench.run(endpoints.replay_failed_since, made.row.id, since, CLI, bench.now()) == 1
    assert deliver() == 1
    states = {one: row(one).status for one in (done, lost, old, other)}
    assert states == {done: "delivered", lost: "delivered", old: "given_up", other: "given_up"}


def test_what_is_being_sent_is_not_sent_again_beside_itself(bench, subscribe, ping):
    made = subscribe()
    delivery = ping(made)
    bench.run(outgoing.claim_webhooks, lease=60, most=9, per_endpoint=9)
    assert bench.run(delivery_log.replay_delivery, delivery) is False


def test_old_deliveries_are_forgotten_but_not_those_on_their_way(bench, subscribe, ping, engine):
    active, removed = subscribe(), subscribe()
    delivered, waiting, young = ping(active), ping(active), ping(active)
    orphan = ping(removed)
    bench.set("webhook_deliveries", delivered, status="delivered")
    bench.set("webhook_deliveries", young, status="delivered")
    bench.run(endpoints.remove_endpoint, removed.row.id, CLI, bench.now())
    bench.rows(
        "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE id <> :young",
        young=young,
    )
    bench.rows("UPDATE outgoing_events SET at = now() - interval '31 days'")
    assert forget_old_deliveries(engine, timedelta(days=30)) == 2
    left = [one.id for one in bench.rows("SELECT id FROM webhook_deliveries ORDER BY id")]
    assert left == [waiting, young]
    assert orphan not in left
    assert bench.value("SELECT count(*) FROM outgoing_events") == 2
    assert bench.value("SELECT count(*) FROM webhook_endpoints") == 1


def test_another_secret_key_is_said_and_nothing_is_sent(engine, subscribe, ping, receiver, row):
    delivery = ping(subscribe(url=receiver.url))
    stranger = Vault("quite another secret, and long enough for it")
    courier = Courier(engine, Outside(stranger, Poster(resolve, allow_private=True), None))
    courier.take()
    courier.close()
    assert receiver.received == []
    assert "OUTDIAL_SECRET_KEY" in row(delivery).error
