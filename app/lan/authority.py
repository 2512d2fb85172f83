"""Makes a station's own certificate authority, which can vouch for private addresses and for nothing else.

The key that signed the root is never stored. The key that is kept belongs to an issuer below it: the constraints of an
issuer are part of every validation of a chain, those of a root that a person installed were long ignored by browsers.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PRIVATE = tuple(IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""The private ranges of RFC 1918."""
AUTHORITY_LIFE = timedelta(days=1826)
LEAF_LIFE = timedelta(days=397)
"""Browsers take no server certificate that runs longer than 398 days."""
RENEWAL = timedelta(days=30)


class AuthorityBroken(RuntimeError):
    """The folder of the authority lacks a file, or its files do not belong together."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"the local certificate authority in {folder} is incomplete or damaged. Bring the folder back from a copy, "
            "or remove it: a new one is made at the next start, and every phone installs the new certificate."
        )


class Authority(msgspec.Struct, frozen=True, kw_only=True):
    """The root that phones install, and the constrained issuer below it whose key is kept."""

    folder: Path
    root: x509.Certificate
    issuer: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def root_file(self) -> Path:
        """The root as PEM, for programs on this machine that talk to the station."""
        return self.folder / "root.crt"

    @property
    def name(self) -> str:
        """What phones call the root."""
        return str(self.root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def fingerprint(self) -> str:
        """The first 8 bytes of the root's SHA-256, as phones show them."""
        return self.root.fingerprint(hashes.SHA256())[:8].hex(":").upper()

    @property
    def der(self) -> bytes:
        """The root as phones download it."""
        return self.root.public_bytes(serialization.Encoding.DER)


def authority(folder: Path, now: datetime) -> Authority:
    """The authority in ``folder``: made once, and again when fewer than 30 days of its five years are left.

    Raises AuthorityBroken where files are missing or do not belong together.
    """
    if folder.exists():
        kept = _load(folder)
        if kept.issuer.not_valid_after_utc - now >= RENEWAL:
            return kept
        folder.rename(folder.with_name(f"{folder.name}-until-{kept.issuer.not_valid_after_utc:%Y%m%d}"))
    _found(folder, now)
    return _load(folder)


def _found(folder: Path, now: datetime) -> None:
    """Make the files beside their place and move them there at once: nothing half made is ever found."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    mark = secrets.token_hex(2).upper()
    name = _named(f"暖心 local CA {mark}")
    root = _constrained(name, root_key, name, root_key, now, below=1)
    issuer = _constrained(_named(f"暖心 local issuer {mark}"), key, name, root_key, now, below=0)
    making = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    making.mkdir(parents=True, mode=0o700)
    _put(making / "root.crt", _pem(root), 0o444)
    _put(making / "issuer.crt", _pem(issuer), 0o444)
    _put(making / "issuer.key", _key_pem(key), 0o400)
    making.rename(folder)


def _load(folder: Path) -> Authority:
    try:
        root = x509.load_pem_x509_certificate((folder / "root.crt").read_bytes())
        issuer = x509.load_pem_x509_certificate((folder / "issuer.crt").read_bytes())
        key = serialization.load_pem_private_key((folder / "issuer.key").read_bytes(), None)
        issuer.verify_directly_issued_by(root)
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
        raise AuthorityBroken(folder) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != issuer.public_key():
        raise AuthorityBroken(folder)
    return Authority(folder=folder, root=root, issuer=issuer, key=key)


def _constrained(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
    *,
    below: int,
) -> x509.Certificate:
    """A certificate that may certify servers at private addresses.

    A constraint counts only for the kind of name it speaks of (RFC 5280 §4.2.1.10): so beside the permitted addresses,
    which shut out IPv6 too, every DNS name is excluded by the empty one.
    """
    permitted = [x509.IPAddress(net) for net in (*PRIVATE, IPv4Network("127.0.0.0/8"))]
    return (
        _certificate(name, key, issuer, signer, now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, [x509.DNSName("")]), critical=True)
        .sign(signer, hashes.SHA256())
    )


def certificate(ca: Authority, addresses: Sequence[str], now: datetime) -> tuple[Path, Path]:
    """The server's chain and key as PEM files for these addresses.

    What is there is used again, unless the addresses changed or fewer than 30 days are left.
    """
    chain, key_file = ca.folder / "server.crt", ca.folder / "server.key"
    if not _still_good(ca, chain, key_file, addresses, now):
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address)) for address in addresses])
        life = min(LEAF_LIFE, ca.issuer.not_valid_after_utc - _from(now))
        leaf = (
            # A subject that looked like a host name would be measured against the excluded DNS names.
            _certificate(_named("暖心 station"), key, ca.issuer.subject, ca.key, now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(names, critical=False)
            .sign(ca.key, hashes.SHA256())
        )
        _put(key_file, _key_pem(key), 0o400)
        _put(chain, _pem(leaf) + _pem(ca.issuer), 0o444)
    return chain, key_file


def _still_good(ca: Authority, chain: Path, key_file: Path, addresses: Sequence[str], now: datetime) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(chain.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        leaf.verify_directly_issued_by(ca.issuer)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
        return False
    named = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    in_time = leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc - RENEWAL
    return in_time and named == set(addresses) and key.public_key() == leaf.public_key()


def _certificate(
    name: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_from(now))
        .not_valid_after(_from(now) + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _from(now: datetime) -> datetime:
    """A day ago: phones' clocks are not all right."""
    return now.replace(microsecond=0) - timedelta(days=1)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


def _put(file: Path, content: bytes, mode: int) -> None:
    """Write a whole file or nothing; the mode stands before the first byte."""
    making = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    handle = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    if file.exists():
        file.chmod(0o600)  # Windows replaces no read-only file
    making.replace(file)
