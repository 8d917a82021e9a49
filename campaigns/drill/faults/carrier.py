"""Faults of the carrier: a knob of the simulator each, turned up for some seconds."""

from typing import Any

from campaigns.drill.faults.registry import FAULTS, Fault
from campaigns.drill.stage import Stage

# A knob that has met no call yet stays turned up for so many times as long.
LONGER = 3


def _struck(stage: Stage, knob: str | None) -> int:
    return stage.carrier_faults().get(knob, 0) if knob is not None else 0


def _knob(name: str, group: str, knob: str | None, seconds: float = 3, **turned: Any) -> None:
    still = {key: _STILL.get(key, 0.0) for key in turned}

    def begin(stage: Stage) -> str | None:
        before = _struck(stage, knob)
        stage.turn(**turned)

        def turn_back(longer: int) -> None:
            if longer and knob is not None and _struck(stage, knob) == before:
                stage.turn(**turned)  # another fault of the same knob may have turned it down
                stage.later(seconds, lambda: turn_back(longer - 1))
            else:
                stage.turn(**still)

        stage.later(seconds, lambda: turn_back(LONGER))
        return ", ".join(f"{key} {value}" for key, value in turned.items())

    begin.__name__ = name
    FAULTS[name] = Fault(name, group, begin, 0.0, knob)


_STILL: dict[str, Any] = {"retry_after": None, "late_rate": 1.0}
_knob("answers_429", "carrier", "refuse_429", refuse_429=0.3, retry_after=None)
_knob("answers_429_with_retry_after", "carrier", "refuse_429", refuse_429=0.3, retry_after=1.0)
_knob("answers_500_and_refuses", "carrier", "error_500_refused", error_500_refused=0.15)
_knob("answers_500_and_calls", "carrier", "error_500_accepted", error_500_accepted=0.2)
_knob("never_answers_and_calls", "carrier", "timeout_accepted", timeout_accepted=0.25)
_knob("never_answers_and_refuses", "carrier", "timeout_refused", timeout_refused=0.25)
_knob("resets_and_refuses", "carrier", "reset_before", reset_before=0.15)
_knob("resets_and_calls", "carrier", "reset_after_accept", reset_after_accept=0.2)
_knob("answers_garbage", "carrier", "malformed_2xx", malformed_2xx=0.2)
_knob("answers_nothing", "carrier", "empty_2xx", empty_2xx=0.2)
_knob("answers_without_an_id", "carrier", "no_id_2xx", no_id_2xx=0.2)
_knob("answers_late", "carrier", "slow_answer", slow_answer=1.5, slow_answer_rate=0.3)
_knob("redirects", "carrier", "redirect", redirect=0.2)
# Longer than two look-ups are apart; the quarantine is what keeps them from a wrong conclusion.
_knob("logs_lag", "carrier", None, 10, log_lag=8.0)
_knob("logs_fail", "carrier", "log_error", 5, log_error=0.5)
_knob("callbacks_repeated", "callbacks", "duplicate", duplicate=0.5)
_knob("callbacks_reordered", "callbacks", "reorder", reorder=0.4)
_knob("callbacks_late", "callbacks", "late", late=2.0, late_rate=0.3)
_knob("callbacks_lost", "callbacks", "lose", lose=0.3)
_knob("last_callbacks_lost", "callbacks", "lose_ended", lose_ended=0.4)
_knob("all_callbacks_lost", "callbacks", "lose_all", lose_all=0.3)
_knob("callbacks_forged", "callbacks", "forge", forge=0.5)
_knob("callbacks_huge", "callbacks", "huge", huge=0.3)
_knob("callbacks_in_bursts", "callbacks", "burst", 4, burst=2.0)
