"""The wizard for a new campaign: a draft that is set up step by step, each step a page that saves.

beginning   name, kind and account; deleting a draft
recipients  step one: lists and how far they are; uploading (a file comes in), columns (choices)
message     step two: what is said, heard as text; testing (a call to one's own
            phone), recording (a file that is played)
when        step three: hours (week), holidays, start and end; recurrence
pace        step four: pace and retries
reviewing   step five: everything in words, and the start
frame       the bar of steps, and where a saved step leads
forms       reading forms so that nothing typed is lost
"""

from fastapi import APIRouter

from campaigns.web.pages.wizard import (
    beginning,
    message,
    pace,
    recipients,
    recording,
    recurrence,
    reviewing,
    testing,
    uploading,
    when,
)

router = APIRouter()
for part in (
    beginning.router,
    recipients.router,
    uploading.upload_router,
    uploading.router,
    message.router,
    testing.router,
    recording.router,
    when.router,
    recurrence.router,
    pace.router,
    reviewing.router,
):
    router.include_router(part)
