"""What people change about campaigns that exist, each change in the audit log.

running   started, paused, resumed, stopped, put into the archive; the kill switch
pausing   what a pause did, measured from the rows
limits    pace, calling hours and end of a campaign that runs or is to run
trying    retries, shared numbers and reminders of such a campaign
copying   a copy as a new draft; a new draft with those who were not reached
people    one person added, changed, removed, called again
appointments  one person's appointment moved or cancelled
"""

from campaigns.changing.appointments import (
    AppointmentMove,
    cancel_appointment,
    move_appointment,
)
from campaigns.changing.copying import Redialled, RedialRequest, clone_campaign, redial_unreached
from campaigns.changing.limits import (
    CHANGEABLE,
    HoursChange,
    PaceChange,
    change_hours,
    change_pace,
)
from campaigns.changing.pausing import PauseReport, last_pause
from campaigns.changing.people import (
    PersonChange,
    add_person,
    change_person,
    hold_person,
    remove_person,
)
from campaigns.changing.running import (
    OVER,
    archive,
    pause,
    resume,
    start,
    stop,
    switch_off,
    switch_on,
    unarchive,
)
from campaigns.changing.trying import TryingChange, change_trying

__all__ = [
    "CHANGEABLE",
    "OVER",
    "AppointmentMove",
    "HoursChange",
    "PaceChange",
    "PauseReport",
    "PersonChange",
    "RedialRequest",
    "Redialled",
    "TryingChange",
    "add_person",
    "archive",
    "cancel_appointment",
    "change_hours",
    "change_pace",
    "change_person",
    "change_trying",
    "clone_campaign",
    "hold_person",
    "last_pause",
    "move_appointment",
    "pause",
    "redial_unreached",
    "remove_person",
    "resume",
    "start",
    "stop",
    "switch_off",
    "switch_on",
    "unarchive",
]
