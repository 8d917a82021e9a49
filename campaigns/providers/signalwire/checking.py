"""Whether SignalWire knows our credentials: one page of the voice logs, of one record.

A GET that changes nothing and costs nothing (SignalWire documents: "List voice logs").
"""

from campaigns.providers.base import CredentialCheck, Credentials
from campaigns.providers.http import NoAnswer, NotSent, ProviderClient
from campaigns.providers.signalwire.answers import decoded, reason
from campaigns.providers.signalwire.calling import CallingApi


def check_credentials(
    credentials: Credentials, client: ProviderClient | None = None
) -> CredentialCheck:
    """Ask once; never raises for I/O."""
    try:
        reply = CallingApi(credentials, client).logs({"page_size": "1"})
    except (NotSent, NoAnswer) as error:
        return CredentialCheck(
            None, f"{credentials.base_url} does not answer ({error}). Check the address."
        )
    if reply.ok and isinstance(decoded(reply.body).get("data"), list):
        return CredentialCheck(True, "The provider knows these credentials.")
    if reply.status in (401, 403):
        return CredentialCheck(
            False,
            "The provider does not accept the project id with this API token, or the token may "
            f"not see the project's calls ({reason(reply)}).",
        )
    if reply.status == 404 or reply.ok:
        return CredentialCheck(
            False,
            f"At {credentials.base_url} something else answers than the provider. "
            "Check the address.",
        )
    return CredentialCheck(
        None, f"The provider could not say ({reason(reply)}). Try again in a minute."
    )
