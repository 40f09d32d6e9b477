"""Words for what fails on the way to a receiver."""

import socket
import ssl

CERTIFICATES = {
    9: "certificate not valid yet",
    10: "certificate has expired",
    62: "certificate of another name",
    64: "certificate of another name",
}
"""By the code of OpenSSL (X509_V_ERR_CERT_NOT_YET_VALID, …_CERT_HAS_EXPIRED, …_HOSTNAME_MISMATCH, …_IP_ADDRESS…)."""


def why(error: Exception) -> str:
    """What an error means, in a word or two."""
    match error:
        case ssl.SSLCertVerificationError():
            return CERTIFICATES.get(error.verify_code, "no trusted certificate")
        case ssl.SSLError():
            return "TLS failed"
        case socket.gaierror():
            return "unknown host"
        case ConnectionRefusedError():
            return "refused"
        case TimeoutError():
            return "no answer in time"
        case ConnectionError():
            return "connection lost"
        case OSError():
            return str(error.strerror or "network error").lower()
    return "network error"
