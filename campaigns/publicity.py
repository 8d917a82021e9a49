"""The public URL's own probe: whether a provider would reach this installation."""

import httpx

from campaigns.vault import Vault

PROBE_TIMEOUT = 3.0


def probe_public_url(public_url: str, vault: Vault) -> tuple[bool, str]:
    """Ask the public URL for its health; (answers, sentence for people).

    The answer must name this installation: a tunnel that leads to somebody else's server would
    let callees hear silence, or something else altogether.
    """
    try:
        answer = httpx.get(
            f"{public_url}/healthz", timeout=PROBE_TIMEOUT, follow_redirects=False, trust_env=False
        )
        found = answer.json().get("instance") if answer.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError) as error:
        return False, f"{public_url} does not answer ({type(error).__name__})."
    if found is None:
        return False, f"{public_url}/healthz answers {answer.status_code}, not as Outdial does."
    if found != vault.instance:
        return False, f"{public_url} leads to another installation of Outdial."
    return True, f"{public_url} answers."
