"""Serves a station's own Wi-Fi over https, so that phones open their cameras there, and shows them the way in."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import TextIO

import msgspec
import qrcode

from app.base.clock import Clock
from app.base.i18n import LANGUAGES, Messages
from app.base.settings import Settings
from app.lan.authority import PRIVATE, Authority, authority, certificate
from app.lan.install_page import ROOT, InstallPage, page_server

LOOPBACK = "127.0.0.1"


def addresses() -> list[str]:
    """This machine's private IPv4 addresses, the one of the default route first; loopback where there is none.

    Nothing is sent: connecting a UDP socket only asks the routing table.
    """
    found = dict.fromkeys([*_routed(), *_assigned()])
    return [address for address in found if is_private(address)] or [LOOPBACK]


def is_private(address: str) -> bool:
    """Whether this is an IPv4 address of a private network (RFC 1918)."""
    try:
        return any(IPv4Address(address) in net for net in PRIVATE)
    except ValueError:
        return False


def _routed() -> Iterator[str]:
    for target in ("192.0.2.1", *(str(net.broadcast_address - 1) for net in PRIVATE)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.connect((target, 9))
            yield probe.getsockname()[0]


def _assigned() -> Iterator[str]:
    """Addresses by interface: a computer that opens its own hotspot has one that no route leads through."""
    if sys.platform == "win32":
        yield from socket.gethostbyname_ex(socket.gethostname())[2]
        return
    import fcntl

    request = {"linux": 0x8915, "darwin": 0xC0206921}.get(sys.platform)  # SIOCGIFADDR
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex() if request else ():
            with contextlib.suppress(OSError):  # an interface without an IPv4 address
                answer = fcntl.ioctl(probe.fileno(), request or 0, name.encode()[:15].ljust(40, b"\x00"))
                yield socket.inet_ntoa(answer[20:24])


def prepare(settings: Settings, now: datetime) -> Settings:
    """The same settings made ready for the local network: address, https base URL and TLS files.

    ``host`` is kept where it is a private address, else the first of ``addresses()`` is taken. Calling it again changes
    nothing as long as the address stays. To be called before labels or links are made: they carry ``base_url``.
    """
    if settings.port >= 65535:
        raise ValueError("NUANXIN_PORT must be below 65535: the next port serves the page to install the certificate")
    host = settings.host if is_private(settings.host) else addresses()[0]
    chain, key = certificate(authority(authority_folder(settings), now), [host], now)
    return msgspec.structs.replace(
        settings,
        host=host,
        base_url=f"https://{host}" if settings.port == 443 else f"https://{host}:{settings.port}",
        tls_certificate=str(chain),
        tls_key=str(key),
    )


def authority_folder(settings: Settings) -> Path:
    """Where the authority of this computer lies: with the keys, so never in a backup of the data."""
    return settings.keys / "lan"


def run(settings: Settings, serve: Callable[[Settings], None], out: TextIO | None = None) -> None:
    """Serve the local network until stopped: the install page on the next port, the service by ``serve``.

    ``serve`` blocks until the service ends; Ctrl-C ends both. Raises RuntimeError where a port is taken.
    """
    now = Clock(settings.timezone).now()
    ready = prepare(settings, now)
    ca = authority(authority_folder(settings), now)
    page = InstallPage(ca, f"{ready.base_url}/")
    with page_server(ready.host, ready.port + 1, page), contextlib.suppress(KeyboardInterrupt):
        show(ready, ca, addresses(), out or sys.stdout)
        serve(ready)


def show(ready: Settings, ca: Authority, found: Iterable[str], out: TextIO) -> None:
    """Print the install page's QR, the addresses and the root's fingerprint."""
    install = f"http://{ready.host}:{ready.port + 1}/"
    code = qrcode.QRCode(border=2, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(install)
    code.print_ascii(out, tty=out.isatty(), invert=True)
    others = ", ".join(address for address in found if address != ready.host)
    words = Messages([ROOT / "messages"])
    for language in LANGUAGES:
        lines = ["install", "app", "fingerprint", *(["others"] if others else []), "stop"]
        if ready.host == LOOPBACK:
            lines.insert(0, "alone")
        for line in lines:
            said = words.say(
                language,
                f"lan.terminal.{line}",
                install=install,
                app=f"{ready.base_url}/",
                name=ca.name,
                fingerprint=ca.fingerprint,
                others=others,
            )
            print(said, file=out, flush=True)
