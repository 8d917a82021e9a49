"""Import of recipient lists: a file becomes recipients of one campaign, or nothing at all.

sniffing   what kind of file this is: encoding, delimiter
reading    the file as a stream of rows and damaged rows
headers    what people call their columns
mapping    which column means what: guessed from names, backed by values, overridden by options
survey     the first rows, and the mapping they lead to
preview    the same, for a person to look at before anything is stored
rows       one row as a recipient, or as a reject with its reason
loading    all rows, staged and stored in one transaction
progress   how far a running import is, and that it is alive
service    register a file, run its import
rejects    the rows that were not imported, as a file
"""

from campaigns.importing.mapping import ImportOptions, Mapping
from campaigns.importing.preview import Preview, preview
from campaigns.importing.progress import Progress
from campaigns.importing.rejects import write_rejects
from campaigns.importing.service import (
    Fingerprint,
    Registered,
    Summary,
    find,
    fingerprint,
    register,
    run,
    summarise,
)

__all__ = [
    "Fingerprint",
    "ImportOptions",
    "Mapping",
    "Preview",
    "Progress",
    "Registered",
    "Summary",
    "find",
    "fingerprint",
    "preview",
    "register",
    "run",
    "summarise",
    "write_rejects",
]
