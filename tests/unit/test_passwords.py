"""Which passwords are good enough, and what is kept of them."""

import threading
import time
from typing import Any

import pytest

from campaigns import passwords
from campaigns.errors import InvalidInput, TooManyRequests

GOOD = "harbour violet lantern seventeen"


def test_a_good_password_passes():
    passwords.check_password(GOOD, words=["ada"])


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "12"),
        ("x" * 200, "128"),
        ("passwordpassword", "easy to guess"),
        ("aaaaaaaaaaaaaaaaaaaa", "easy to guess"),
        ("123456789012345", "easy to guess"),
        ("adalovelace1", "easy to guess"),
    ],
)
def test_a_bad_password_is_refused_in_words(password, why):
    with pytest.raises(InvalidInput, match=why):
        passwords.check_password(password, words=["ada@example.org", "Ada Lovelace"])


def test_words_of_one_person_do_not_count_against_the_next():
    with pytest.raises(InvalidInput):
        passwords.check_password("xylographer-zq8", words=["xylographer"])
    passwords.check_password("xylographer-zq8", words=["ada"])


def test_a_password_is_known_again_and_another_is_not():
    kept = passwords.hash_password(GOOD)
    assert kept.startswith("$argon2id$")
    assert GOOD not in kept
    assert passwords.password_matches(kept, GOOD)
    assert not passwords.password_matches(kept, GOOD + "x")


def test_a_keyboard_may_compose_letters_as_it_likes():
    kept = passwords.hash_password("caf\u00e9 harbour violet")
    assert passwords.password_matches(kept, "cafe\u0301 harbour violet")


def test_what_is_longer_than_any_password_matches_nothing():
    longest = "ab" * 64
    kept = passwords.hash_password(longest)
    assert passwords.password_matches(kept, longest)
    assert not passwords.password_matches(kept, longest + "c")


@pytest.mark.parametrize("kept", ["", "none", "$argon2id$broken"])
def test_what_is_no_hash_matches_nothing(kept):
    assert not passwords.password_matches(kept, GOOD)


def test_a_made_up_password_is_good_enough_and_never_twice_the_same():
    made = {passwords.new_password() for _ in range(50)}
    assert len(made) == 50
    for one in made:
        passwords.check_password(one, words=["admin"])


def test_at_most_two_are_compared_at_once_and_a_flood_is_sent_away(monkeypatch):
    enter, leave = threading.Semaphore(0), threading.Event()
    inside = 0
    most = 0
    lock = threading.Lock()

    class Slow:
        def hash(self, password) -> Any:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            enter.release()
            leave.wait(30)
            with lock:
                inside -= 1
            return "hash"

    monkeypatch.setattr(passwords, "_hasher", Slow())
    refused = []

    def one() -> Any:
        try:
            passwords.hash_password(GOOD)
        except TooManyRequests as error:
            refused.append(error.retry_after)

    waiting = [threading.Thread(target=one) for _ in range(passwords.IN_LINE)]
    for thread in waiting:
        thread.start()
    for _ in range(passwords.AT_ONCE):
        assert enter.acquire(timeout=30)
    deadline = time.monotonic() + 30
    while passwords._line._value and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    one()
    assert refused == [5]
    leave.set()
    for thread in waiting:
        thread.join(30)
    assert most == passwords.AT_ONCE
    assert refused == [5]
