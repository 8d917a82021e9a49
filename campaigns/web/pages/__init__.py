"""The pages: server-rendered, each an address of its own, every change a form.

They answer only under the host names in the settings, so that a tunnel for provider callbacks
does not publish them.

rendering  how a page is made
sign_in    signing in and out
overview   what runs, and whether anybody can be called at all
campaigns  the list of campaigns; a campaign's overview, settings and log
campaign_changes  what their buttons and forms do
recipients people found, listed, exported
person     one person: what happened, added, changed, taken out
why        why somebody is not called; everything about one number
appointments  one person's appointment: moved, cancelled
doubt      calls of which nobody knows how they ended
imports    lists that were imported
wizard     a new campaign, set up step by step
optouts    who is never called
consents   who has agreed to be called
rules      the calling rules, and whether a number may be called by them
webhooks   who is told what happens
accounts   with whom calls are placed, and how fast
caller_ids the numbers of an account, and its safety stop
users      who may sign in
keys       what programs show instead of a password
audit      who changed what
me         what the signed-in user sets for themselves
api_docs   the API, to be read and tried
"""

from fastapi import APIRouter, Depends

from campaigns.web.api.shapes import BoundedRoute
from campaigns.web.dependencies import require_page_host
from campaigns.web.pages import (
    accounts,
    api_docs,
    appointments,
    audit,
    caller_ids,
    campaign_changes,
    campaigns,
    consents,
    doubt,
    imports,
    keys,
    me,
    optouts,
    overview,
    person,
    recipients,
    rules,
    sign_in,
    users,
    webhooks,
    why,
    wizard,
)
from campaigns.web.pages.rendering import STATIC

router = APIRouter(
    include_in_schema=False, route_class=BoundedRoute, dependencies=[Depends(require_page_host)]
)
for module in (
    sign_in,
    overview,
    wizard,
    campaigns,
    campaign_changes,
    recipients,
    person,
    why,
    appointments,
    doubt,
    imports,
    optouts,
    consents,
    rules,
    webhooks,
    accounts,
    caller_ids,
    users,
    keys,
    audit,
    me,
    api_docs,
):
    router.include_router(module.router)

__all__ = ["STATIC", "router"]
