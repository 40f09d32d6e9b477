"""TLS connections to cameras, many of which have a certificate of their own making."""

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from edge_daemon.errors import SourceError

_WRONG_NAME = (62, 64)
"""OpenSSL's numbers of a certificate for another name or address."""
_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Trust:
    """Certificates that are accepted: those signed by an authority in the file `ca`, and those that it holds itself,
    whatever their name; or the one with the SHA-256 `fingerprint` (64 hexadecimal digits). With neither, those that
    this machine trusts, or `any`.
    """

    ca: str | None = None
    fingerprint: str | None = None
    any: bool = False

    def connect(self, host: str, port: int, timeout_s: float) -> ssl.SSLSocket:
        """A TLS connection to a server whose certificate is accepted.

        Raises:
            SSLError: the certificate is not accepted.
            SourceError: the file of authorities cannot be read.
            OSError: the server does not answer.
        """
        try:
            line = self._connect(host, port, timeout_s, check_name=True)
        except ssl.SSLCertVerificationError as error:
            if self.ca is None or error.verify_code not in _WRONG_NAME:
                raise
            line = self._connect(host, port, timeout_s, check_name=False)
            if line.getpeercert(binary_form=True) not in _certificates(self.ca):
                line.close()
                raise
        if self.fingerprint:
            found = hashlib.sha256(line.getpeercert(binary_form=True) or b"").hexdigest()
            if found != self.fingerprint:
                line.close()
                raise ssl.SSLError(f"the certificate has the fingerprint {found}")
        return line

    def _connect(self, host: str, port: int, timeout_s: float, *, check_name: bool) -> ssl.SSLSocket:
        context = self._context(check_name=check_name)
        plain = socket.create_connection((host, port), timeout_s)
        try:
            return context.wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    def _context(self, *, check_name: bool) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as error:
            raise SourceError(f"{self.ca} holds no certificate: {error}", "no trusted certificate") from error
        unverified = self.any or self.fingerprint is not None
        context.check_hostname = check_name and not unverified
        if unverified:
            context.verify_mode = ssl.CERT_NONE
        if self.ca:
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # cameras' certificates are seldom by the book
        return context


ANY = Trust(any=True)
"""Any certificate: the connection is encrypted, and may be with anybody."""


def _certificates(file: str) -> list[bytes]:
    return [ssl.PEM_cert_to_DER_cert(found) for found in _PEM.findall(Path(file).read_text("latin-1"))]
