"""Everything that can be turned while the carrier runs: its limits, manners and faults."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from simulator.personas import Persona, read_overrides

Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class Knobs(BaseModel):
    """Rates are probabilities per dial, event, call or look-up; seconds are never scaled."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Limits.
    cps: Annotated[float, Field(gt=0, le=100_000)] = 200.0
    backlog: Annotated[int, Field(ge=0)] = 10_000
    backlog_full_status: Literal[422, 429] = 422
    allowed_caller_ids: list[str] | None = None
    jump_limit: Annotated[int, Field(ge=0)] = 32
    quiet_jump_limit: Annotated[int, Field(ge=0)] = 8

    # Manners: where the provider's documents differ or are silent, one knob per reading.
    id_key: Literal["id", "call_id"] = "id"
    fetch_at: Literal["answer", "dial"] = "answer"
    callback_body: Literal["nested", "flat", "form"] = "nested"
    callback_times: bool = False
    end_reasons: Literal["rest", "swml"] = "rest"
    sign_callbacks: bool = False
    failed_request_result: Literal["failed", "success"] = "failed"
    default_ring_timeout: Annotated[int, Field(ge=1, le=600)] = 60
    audio_seconds: Seconds = 5.0
    callback_retry_pause: Seconds = 1.0
    personas: dict[str, Any] = Field(default_factory=dict)

    # Faults in answering a dial; at most one of the rates strikes a request.
    refuse_429: Rate = 0.0
    retry_after: Seconds | None = None
    error_500_refused: Rate = 0.0
    error_500_accepted: Rate = 0.0
    timeout_accepted: Rate = 0.0
    timeout_refused: Rate = 0.0
    reset_before: Rate = 0.0
    reset_after_accept: Rate = 0.0
    malformed_2xx: Rate = 0.0
    empty_2xx: Rate = 0.0
    no_id_2xx: Rate = 0.0
    repeated_id_2xx: Rate = 0.0
    redirect: Rate = 0.0
    insufficient_balance: Rate = 0.0
    slow_answer: Seconds = 0.0
    slow_answer_rate: Rate = 1.0

    # Faults in status callbacks.
    duplicate: Rate = 0.0
    reorder: Rate = 0.0
    late: Seconds = 0.0
    late_rate: Rate = 1.0
    lose: Rate = 0.0
    lose_ended: Rate = 0.0
    lose_all: Rate = 0.0
    forge: Rate = 0.0
    huge: Rate = 0.0
    burst: Seconds = 0.0

    # Faults in the voice logs.
    log_lag: Seconds = 0.0
    log_error: Rate = 0.0
    hide_from_logs: Rate = 0.0

    # How often at most a fault strikes since the last reset, by its name.
    at_most: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)

    @field_validator("personas")
    @classmethod
    def _readable_personas(cls, personas: dict[str, Any]) -> dict[str, Any]:
        read_overrides(personas)
        return personas

    @cached_property
    def overrides(self) -> dict[str, Persona]:
        return read_overrides(self.personas)

    def merged(self, changes: dict[str, Any]) -> "Knobs":
        """These knobs with some turned; raises pydantic's ValidationError for a bad one."""
        return Knobs.model_validate({**self.model_dump(), **changes})
