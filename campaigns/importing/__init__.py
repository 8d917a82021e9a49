"""Import of recipient lists: a file becomes recipients of one campaign, or nothing at all.

sniffing    what kind of file this is: workbook or text, encoding, delimiter
reading     the file as a stream of rows and damaged rows: csv_list, xlsx_list (workbook, records)
naming      the columns' names, or names for columns that have none
headers     what people call their columns
mapping     which column means what: guessing by names and values, overridden by options
dates       dates as spreadsheets leave them, and the formats they may be in
survey      the first rows (samples), and the mapping they lead to
preview     the same, for a file that belongs to no campaign
examination the first rows of a handed-in file, and what would become of each
persons     the rules that make a recipient of a person, from wherever
rows        one row as a recipient, or as a reject with its reason
loading     all rows, staged and stored in one transaction
progress    how far a running import is, and that it is alive
service     run an import
handing_in  the life of an import around that: handed in, confirmed, discarded, undone
results     where an import is, in numbers and in words
rejects     the rows that were not imported, as a file
files       which files are still needed
pushing     people without a file, one or a thousand at a time
"""

from campaigns.importing.columns import ColumnGuess
from campaigns.importing.comparing import (
    Comparison,
    compare_import,
    compare_list,
    has_appointments_ahead,
)
from campaigns.importing.dates import DateCandidate
from campaigns.importing.examination import (
    Examination,
    ExaminedRow,
    examine,
    examine_file,
    examine_for_campaign,
)
from campaigns.importing.files import forget_files
from campaigns.importing.handing_in import (
    Fingerprint,
    Registered,
    confirm,
    discard,
    fingerprint,
    hand_in,
    register,
    undo,
)
from campaigns.importing.mapping import ImportOptions, Mapping
from campaigns.importing.preview import Preview, preview
from campaigns.importing.progress import Progress
from campaigns.importing.pushing import Pushed, PushedRecipient, PushResult, push_recipients
from campaigns.importing.rejects import write_rejects
from campaigns.importing.results import (
    REPAIR_WORDS,
    Summary,
    find,
    list_imports,
    repairs_of,
    summarise,
    summary_of,
)
from campaigns.importing.service import run

__all__ = [
    "REPAIR_WORDS",
    "ColumnGuess",
    "Comparison",
    "DateCandidate",
    "Examination",
    "ExaminedRow",
    "Fingerprint",
    "ImportOptions",
    "Mapping",
    "Preview",
    "Progress",
    "PushResult",
    "Pushed",
    "PushedRecipient",
    "Registered",
    "Summary",
    "compare_import",
    "compare_list",
    "confirm",
    "discard",
    "examine",
    "examine_file",
    "examine_for_campaign",
    "find",
    "fingerprint",
    "forget_files",
    "hand_in",
    "has_appointments_ahead",
    "list_imports",
    "preview",
    "push_recipients",
    "register",
    "repairs_of",
    "run",
    "summarise",
    "summary_of",
    "undo",
    "write_rejects",
]
