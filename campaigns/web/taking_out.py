"""Files of people that somebody takes along: who did is in the audit log.

Dependencies of routes. What is refused is not noted: its transaction ends without.
"""

from typing import Any

from fastapi import Depends, Request

from campaigns import auditing
from campaigns.web.auth import ViewerDep
from campaigns.web.dependencies import NowDep, SessionDep


def _of_campaign(
    request: Request, campaign_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> None:
    subject, after = f"campaign:{campaign_id}", _file_of(request)
    auditing.record(session, viewer.actor, "campaign.export", subject, now, after=after)


def _of_import(
    request: Request, import_id: int, session: SessionDep, now: NowDep, viewer: ViewerDep
) -> None:
    subject, after = f"import:{import_id}", _file_of(request)
    auditing.record(session, viewer.actor, "import.export", subject, now, after=after)


def _of_opt_outs(request: Request, session: SessionDep, now: NowDep, viewer: ViewerDep) -> None:
    after = _file_of(request)
    auditing.record(session, viewer.actor, "opt_out.export", "opt_outs", now, after=after)


def _of_number(request: Request, session: SessionDep, now: NowDep, viewer: ViewerDep) -> None:
    after = {"number": request.query_params.get("number", "")[:40]}
    auditing.record(session, viewer.actor, "evidence.export", "evidence", now, after=after)


def _file_of(request: Request) -> dict[str, str]:
    return {"file": request.url.path.rpartition("/")[2]}


CAMPAIGN_FILE: Any = Depends(_of_campaign, scope="function")
IMPORT_FILE: Any = Depends(_of_import, scope="function")
EVIDENCE_FILE: Any = Depends(_of_number, scope="function")
OPT_OUT_FILE: Any = Depends(_of_opt_outs, scope="function")
