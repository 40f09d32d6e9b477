"""Certificates for localhost, each its own authority, valid for as long as a test wants."""

import datetime
import ipaddress
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID


def certify(folder: Path, *, valid_s: float = 3600.0, authority: Path | None = None) -> Path:
    """Write cert.pem and key.pem for localhost into a folder, which is made: signed by the authority in another folder,
    or by itself, and valid from a minute ago for `valid_s` from now on, which may be less than nothing.
    """
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    issuer, signer = name, key
    if authority:
        issuer = x509.load_pem_x509_certificate((authority / "cert.pem").read_bytes()).subject
        signer = cast(ec.EllipticCurvePrivateKey, load_pem_private_key((authority / "key.pem").read_bytes(), None))
    built = x509.CertificateBuilder(issuer_name=issuer, subject_name=name, public_key=key.public_key())
    made = (
        built.serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(seconds=valid_s))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder
