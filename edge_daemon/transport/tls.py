"""TLS for the web: its certificate, checked before it is used."""

import ssl

from edge_daemon.errors import StartError


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS with a certificate and its key, PEM files.

    Raises:
        StartError: one of them cannot be read, or they do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        why = "they do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "one of them is not PEM"
        raise StartError(f"cannot use the certificate {certificate} with the key {key}: {why}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartError(f"cannot read the certificate {certificate} or the key {key}: {reason}") from error
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")
