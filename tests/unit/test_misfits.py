"""What does not fit a model is told in our words, whatever the library calls it."""

from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from campaigns.misfits import misfit


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("An odd number, as it happens.")
    return value


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=2, max_length=5)] = "Ana"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    kind: Literal["one", "other"] = "one"
    yes: bool = True
    day: date = date(2027, 3, 1)
    at: AwareDatetime | None = None
    rows: Annotated[list[int], Field(max_length=1)] = []
    fields: dict[str, str] = {}
    even: Annotated[int, AfterValidator(_even)] = 2
    code: Annotated[str, Field(pattern="^[a-z]$")] = "a"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "A"}, "give at least 2 characters"),
        ({"name": "Annabel"}, "give at most 5 characters"),
        ({"name": 7}, "write a text"),
        ({"count": 0}, "write a number of at least 1"),
        ({"count": "x"}, "write a whole number"),
        ({"count": 1.5}, "write a whole number"),
        ({"share": 1}, "write a number below 1.0"),
        ({"kind": "third"}, "it is none of 'one' or 'other'"),
        ({"yes": "perhaps"}, "write true or false"),
        ({"day": "1.3.2027"}, "write a day as 2027-03-01"),
        ({"at": "2027-03-01T09:00:00"}, "name the instant's offset from UTC"),
        ({"rows": [1, 2]}, "give at most 1 entry"),
        ({"rows": 3}, "give a list"),
        ({"fields": 3}, "give an object of names and values"),
        ({"even": 3}, "an odd number, as it happens"),
        ({"code": "B"}, "it is not written in the form that is expected: ^[a-z]$"),
        ({"nobody": 1}, "there is no such field here"),
    ],
)
def test_a_misfit_is_told_in_our_words(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Asked.model_validate(given)
    (error,) = refused.value.errors()
    assert misfit(error).startswith(told)
    assert "Input" not in misfit(error)
    assert not misfit(error).endswith(".")


def test_what_the_library_calls_by_a_new_name_is_told_all_the_same() -> None:
    unknown = {"type": "no_such_kind", "msg": "Input should be a foo", "loc": ()}
    assert misfit(unknown) == "it is not of the kind that is expected"
    assert misfit({"type": "greater_than", "msg": ""}) == "it is not of the kind that is expected"
