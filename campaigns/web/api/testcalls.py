"""Test calls: hear how it sounds."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from campaigns import auditing, reporting
from campaigns.access import Permission
from campaigns.errors import InvalidInput
from campaigns.flows.builtin import announcement_flow
from campaigns.flows.model import CallFlow
from campaigns.reporting.values import CampaignView
from campaigns.test_call import place_test_call
from campaigns.web.api.shapes import CONFLICT, NOT_FOUND, BoundedRoute
from campaigns.web.auth import ViewerDep, needs
from campaigns.web.dependencies import NowDep, SessionDep, SettingsDep

router = APIRouter(prefix="/test-calls", tags=["test-calls"], route_class=BoundedRoute)


class TestCallIn(BaseModel):
    """Whom to call and what to say: a text, or a whole flow."""

    __test__ = False  # not a test case, whatever its name looks like

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    account: str = Field(examples=["clinic"])
    to: str = Field(max_length=100, examples=["+12125550123"])
    text: str | None = Field(None, examples=["This is a test."])
    flow: dict[str, Any] | None = None


class TestCallOut(BaseModel):
    """The campaign of one recipient that was created; its counts tell how the call went."""

    __test__ = False

    campaign: CampaignView
    recipient_id: int


@router.post(
    "",
    status_code=201,
    responses=NOT_FOUND | CONFLICT,
    dependencies=[needs(Permission.RUN_CAMPAIGNS)],
)
def create_test_call(
    body: TestCallIn, session: SessionDep, now: NowDep, viewer: ViewerDep, config: SettingsDep
) -> TestCallOut:
    """Have one number called once, under the account's rules and limits, as every call is."""
    if (body.text is None) == (body.flow is None):
        raise InvalidInput("Give a text or a flow to be heard, one of the two.")
    flow = CallFlow.from_json(body.flow) if body.flow is not None else None
    campaign, recipient = place_test_call(
        session,
        body.account,
        body.to,
        flow or announcement_flow(body.text or ""),
        now,
        default_country=config.default_country,
    )
    session.flush()
    subject, after = f"campaign:{campaign.id}", {"account": body.account}
    auditing.record(session, viewer.actor, "test_call.place", subject, now, after=after)
    return TestCallOut(
        campaign=reporting.campaign_view(session, campaign.id), recipient_id=recipient.id
    )
