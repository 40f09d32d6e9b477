"""TLS with brokers."""

import ssl

from edge_daemon.bridge.receiver import Undelivered
from edge_daemon.delivery.retry import Failure
from edge_daemon.delivery.settings import BrokerSettings


def tls_of(settings: BrokerSettings) -> ssl.SSLContext:
    """TLS with the authorities in `ca`, or those that this machine trusts, and the certificate of this machine.

    Raises:
        Undelivered: a file cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.certificate:
            context.load_cert_chain(settings.certificate, settings.key)
    except OSError as error:
        raise Undelivered(Failure(f"cannot read certificates: {error.strerror or 'not PEM'}".lower())) from None
    return context
