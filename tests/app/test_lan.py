"""A station on its own Wi-Fi: phones that took its root connect, others do not; it vouches for nothing else."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import re
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.assets import asset
from app.base.settings import Settings
from app.lan import station
from app.lan.authority import (
    AUTHORITY_LIFE,
    RENEWAL,
    Authority,
    AuthorityBroken,
    authority,
    certificate,
)
from app.lan.install_page import CERTIFICATE_PATH, InstallPage, page_server

NOW = datetime.now(UTC)  # OpenSSL reads the computer's own clock
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1"
HUAWEI = "Mozilla/5.0 (Linux; Android 10; HarmonyOS; NOH-AN00) AppleWebKit/537.36 Chrome/114.0 Mobile Safari/537.36"
HUAWEI_NEXT = "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0 Safari/537.36 ArkWeb/4.1 Mobile"
ANDROID = "Mozilla/5.0 (Linux; Android 14; 23127PN0CC) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
WECHAT = ANDROID + " MicroMessenger/8.0.50"


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path / "keys" / "lan", NOW)


class Hello(BaseHTTPRequestHandler):
    """Stands where the service stands."""

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


class TlsServer(HTTPServer):
    def __init__(self, port: int, chain: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", port), Hello)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that turned away is what some tests want."""


@contextlib.contextmanager
def serving(chain: Path, key: Path, port: int = 0) -> Iterator[int]:
    server = TlsServer(port, chain, key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ask_tls(port: int, root: Path | None) -> int:
    context = ssl.create_default_context(cafile=root)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def shake(chain: Path, key: Path, root: Path, name: str) -> None:
    """A TLS handshake in memory with whoever says to be ``name``; raises where the client refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serves.load_cert_chain(chain, key)
    server = serves.wrap_bio(to_server, to_client, server_side=True)
    asks = ssl.create_default_context(cafile=root)
    client = asks.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert client.version()


def forged(ca: Authority, folder: Path, name: x509.GeneralName, subject: str = "a thief") -> tuple[Path, Path]:
    """What somebody who stole the issuer's key would make."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(ca.issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(ca.key, hashes.SHA256())
    )
    chain, key_file = folder / "forged.crt", folder / "forged.key"
    pem = serialization.Encoding.PEM
    chain.write_bytes(leaf.public_bytes(pem) + ca.issuer.public_bytes(pem))
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return chain, key_file


def leaf_of(chain: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain.read_bytes())


# The authority


def test_a_phone_that_took_the_root_connects(ca: Authority) -> None:
    with serving(*certificate(ca, ["127.0.0.1"], NOW)) as port:
        assert ask_tls(port, ca.root_file) == 204


def test_a_phone_without_the_root_is_warned(ca: Authority) -> None:
    with serving(*certificate(ca, ["127.0.0.1"], NOW)) as port, pytest.raises(ssl.SSLCertVerificationError):
        ask_tls(port, None)


def test_another_station_s_root_does_not_open_this_one(ca: Authority, tmp_path: Path) -> None:
    other = authority(tmp_path / "other", NOW)
    with serving(*certificate(ca, ["127.0.0.1"], NOW)) as port, pytest.raises(ssl.SSLCertVerificationError):
        ask_tls(port, other.root_file)


@pytest.mark.parametrize("address", ["10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.255.254"])
def test_any_private_address_can_be_served(ca: Authority, address: str) -> None:
    shake(*certificate(ca, [address], NOW), ca.root_file, address)


@pytest.mark.parametrize("address", ["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
                                     "192.169.0.0", "8.8.8.8", "2001:db8::1", "fd00::1"])  # fmt: skip
def test_a_stolen_key_cannot_vouch_for_an_address_outside(ca: Authority, tmp_path: Path, address: str) -> None:
    chain, key = forged(ca, tmp_path, x509.IPAddress(ip_address(address)))
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        shake(chain, key, ca.root_file, address)


def test_a_stolen_key_cannot_vouch_for_a_site_of_the_internet(ca: Authority, tmp_path: Path) -> None:
    chain, key = forged(ca, tmp_path, x509.DNSName("bank.example"))
    with pytest.raises(ssl.SSLCertVerificationError, match="excluded subtree violation"):
        shake(chain, key, ca.root_file, "bank.example")


def test_a_stolen_key_cannot_make_another_authority(ca: Authority, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    below = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a thief's authority")]))
        .issuer_name(ca.issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca.key, hashes.SHA256())
    )
    thief = Authority(folder=tmp_path, root=ca.root, issuer=below, key=key)
    chain, leaf_key = forged(thief, tmp_path, x509.IPAddress(ip_address("192.168.1.5")))
    with chain.open("ab") as file:
        file.write(ca.issuer.public_bytes(serialization.Encoding.PEM))
    with pytest.raises(ssl.SSLCertVerificationError, match="path length constraint exceeded"):
        shake(chain, leaf_key, ca.root_file, "192.168.1.5")


def test_root_and_issuer_are_both_bound_to_private_addresses_and_servers(ca: Authority) -> None:
    for made, below in ((ca.root, 1), (ca.issuer, 0)):
        names = made.extensions.get_extension_for_class(x509.NameConstraints)
        assert names.critical
        assert {str(name.value) for name in names.value.permitted_subtrees or ()} == {
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8",
        }  # fmt: skip
        assert [name.value for name in names.value.excluded_subtrees or ()] == [""]
        basic = made.extensions.get_extension_for_class(x509.BasicConstraints)
        assert basic.critical
        assert (basic.value.ca, basic.value.path_length) == (True, below)
        usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.key_cert_sign
        assert not usage.digital_signature
        assert not usage.crl_sign
        kinds = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(kinds) == [x509.ExtendedKeyUsageOID.SERVER_AUTH]


def test_the_key_of_the_root_is_kept_nowhere(ca: Authority) -> None:
    certificate(ca, ["192.168.1.5"], NOW)
    keys = [
        serialization.load_pem_private_key(file.read_bytes(), None).public_key()
        for file in ca.folder.iterdir()
        if b"PRIVATE KEY" in file.read_bytes()
    ]
    assert len(keys) == 2
    assert ca.root.public_key() not in keys


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_keys_are_for_their_owner_s_eyes(ca: Authority) -> None:
    certificate(ca, ["192.168.1.5"], NOW)
    certificate(ca, ["192.168.1.6"], NOW)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in ca.folder.glob("*.key")}
    assert modes == {"issuer.key": 0o400, "server.key": 0o400}
    assert stat.S_IMODE(ca.folder.stat().st_mode) == 0o700


def test_the_authority_is_made_once(ca: Authority) -> None:
    again = authority(ca.folder, NOW + timedelta(days=1000))
    assert again.root == ca.root
    assert [entry.name for entry in ca.folder.parent.iterdir()] == ["lan"]


def test_the_authority_lives_five_years_and_is_made_anew_when_the_last_thirty_days_begin(ca: Authority) -> None:
    end = ca.issuer.not_valid_after_utc
    assert end - ca.issuer.not_valid_before_utc == AUTHORITY_LIFE
    assert authority(ca.folder, end - RENEWAL).root == ca.root
    anew = authority(ca.folder, end - RENEWAL + timedelta(seconds=1))
    assert anew.root != ca.root
    assert anew.folder == ca.folder


@pytest.mark.parametrize("lost", ["root.crt", "issuer.crt", "issuer.key"])
def test_an_authority_with_a_lost_file_says_how_to_go_on(ca: Authority, lost: str) -> None:
    (ca.folder / lost).unlink()
    with pytest.raises(AuthorityBroken, match="every phone installs"):
        authority(ca.folder, NOW)


def test_an_authority_with_another_s_key_is_not_used(ca: Authority, tmp_path: Path) -> None:
    other = authority(tmp_path / "other", NOW)
    (other.folder / "issuer.key").replace(ca.folder / "issuer.key")
    with pytest.raises(AuthorityBroken):
        authority(ca.folder, NOW)


def test_the_server_s_certificate_is_used_again(ca: Authority) -> None:
    first = leaf_of(certificate(ca, ["192.168.1.5"], NOW)[0])
    assert first.not_valid_after_utc - first.not_valid_before_utc <= timedelta(days=397)
    assert leaf_of(certificate(ca, ["192.168.1.5"], first.not_valid_after_utc - RENEWAL)[0]) == first


def test_the_server_s_certificate_is_renewed_on_a_new_address(ca: Authority) -> None:
    certificate(ca, ["192.168.1.5"], NOW)
    chain, key = certificate(ca, ["192.168.1.6"], NOW)
    shake(chain, key, ca.root_file, "192.168.1.6")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(chain, key, ca.root_file, "192.168.1.5")


def test_the_server_s_certificate_is_renewed_when_fewer_than_thirty_days_are_left(ca: Authority) -> None:
    first = leaf_of(certificate(ca, ["192.168.1.5"], NOW)[0])
    late = first.not_valid_after_utc - RENEWAL + timedelta(seconds=1)
    assert leaf_of(certificate(ca, ["192.168.1.5"], late)[0]) != first


def test_the_server_s_certificate_never_outlives_its_issuer(ca: Authority) -> None:
    late = ca.issuer.not_valid_after_utc - timedelta(days=100)
    assert leaf_of(certificate(ca, ["192.168.1.5"], late)[0]).not_valid_after_utc <= ca.issuer.not_valid_after_utc


def test_a_key_that_was_half_exchanged_is_made_anew(ca: Authority, tmp_path: Path) -> None:
    other = authority(tmp_path / "other", NOW)
    _, foreign = certificate(other, ["192.168.1.5"], NOW)
    chain, key = certificate(ca, ["192.168.1.5"], NOW)
    foreign.replace(key)
    shake(*certificate(ca, ["192.168.1.5"], NOW), ca.root_file, "192.168.1.5")
    assert chain.exists()


# The page


@pytest.fixture
def install(ca: Authority) -> Iterator[int]:
    with page_server("127.0.0.1", 0, InstallPage(ca, "https://192.168.1.5:8000/")) as server:
        yield server.server_address[1]


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def page(port: int, path: str = "/", **headers: str) -> str:
    return ask(port, path, **headers)[1].decode()


def test_the_page_speaks_chinese_and_english(install: int) -> None:
    assert "下载证书" in page(install)
    assert "下载证书" in page(install, accept_language="zh-CN,zh;q=0.9,en;q=0.8")
    english = page(install, accept_language="en-GB,en;q=0.9")
    assert "Download the certificate" in english
    for chosen in ("暖心", "中文：切换到中文", "中文"):
        english = english.replace(chosen, "")
    assert re.findall(r"[⺀-鿿]", english) == []
    assert "Download the certificate" in page(install, "/?lang=en", accept_language="zh-CN")


def test_no_message_of_the_page_is_missing(install: int) -> None:
    for language in ("zh", "en"):
        assert not re.search(r"\blan\.[a-z]", page(install, f"/?lang={language}", user_agent=WECHAT))


def test_the_page_leads_to_the_certificate_and_to_the_service(install: int) -> None:
    shown = page(install)
    assert f'href="{CERTIFICATE_PATH}"' in shown
    assert 'href="https://192.168.1.5:8000/"' in shown


def test_the_fingerprint_is_compared_with_the_station_and_so_is_not_on_the_page(install: int, ca: Authority) -> None:
    assert ca.name in page(install)
    assert ca.fingerprint not in page(install)


@pytest.mark.parametrize(
    ("agent", "phone"),
    [
        (IPHONE, "苹果手机（iPhone）"),
        (ANDROID, "安卓手机"),
        (HUAWEI, "华为手机（鸿蒙）"),
        (HUAWEI_NEXT, "华为手机（鸿蒙）"),
    ],
)
def test_the_steps_for_the_reader_s_own_phone_are_unfolded(install: int, agent: str, phone: str) -> None:
    unfolded = re.findall(r"<details[^>]* open><summary>([^<]*)", page(install, user_agent=agent))
    assert unfolded == [phone]


def test_inside_wechat_the_page_asks_first_for_a_browser(install: int) -> None:
    shown = page(install, user_agent=WECHAT)
    assert shown.index("请不要在微信里打开") < shown.index("第一步")
    assert "请不要在微信里打开" not in page(install, user_agent=ANDROID)


def test_the_certificate_comes_as_phones_expect_it(install: int, ca: Authority) -> None:
    answer, body = ask(install, CERTIFICATE_PATH)
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert x509.load_der_x509_certificate(body) == ca.root


def test_the_page_gets_everything_it_links_to(install: int) -> None:
    shown = page(install)
    for link in re.findall(r'(?:href|src)="(/[^"#]*)', shown):
        assert ask(install, link)[0].status == 200, link


@pytest.mark.parametrize(
    "path",
    ["/sign-in", "/api/packs", "/static/", "/static/css/base.css", "/issuer.key", "/../keys/lan/issuer.key",
     "/%2e%2e/issuer.key", "//[", "*"],
)  # fmt: skip
def test_nothing_else_is_served(install: int, path: str) -> None:
    assert ask(install, path)[0].status == 404


def test_not_even_the_pages_scripts_are_served(install: int) -> None:
    assert ask(install, asset("js/app.js"))[0].status == 404


def test_nothing_can_be_sent_to_the_page(install: int) -> None:
    assert ask(install, "/", method="POST")[0].status == 501


def test_a_head_request_has_no_body(install: int) -> None:
    answer, body = ask(install, "/", method="HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


def test_every_answer_forbids_scripts_and_says_nothing_of_the_server(install: int) -> None:
    for path in ("/", "/nothing"):
        headers = ask(install, path)[0].headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["server"] == "nuanxin"
    assert "<script" not in page(install)
    assert " style=" not in page(install)


def test_visitors_are_not_written_down(install: int, capfd: pytest.CaptureFixture[str]) -> None:
    ask(install)
    with socket.create_connection(("127.0.0.1", install), timeout=10) as rude:
        rude.sendall(b"nonsense\r\n\r\n")
        rude.recv(4096)
    assert capfd.readouterr() == ("", "")


# The station


def settings_in(tmp_path: Path, **changes: object) -> Settings:
    return Settings(data=tmp_path / "data", keys=tmp_path / "keys", **changes)  # type: ignore[arg-type]


def free_ports() -> int:
    """A port whose next one is free too."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                two.bind(("127.0.0.1", port + 1))
                return port


def test_this_machine_has_private_addresses_or_only_itself() -> None:
    found = station.addresses()
    assert found == ["127.0.0.1"] or all(map(station.is_private, found))


@pytest.mark.parametrize(
    ("address", "private"),
    [("10.0.0.0", True), ("9.255.255.255", False), ("172.31.255.255", True), ("172.32.0.0", False),
     ("192.168.0.1", True), ("192.0.2.1", False), ("127.0.0.1", False), ("169.254.1.1", False),
     ("100.64.0.1", False), ("0.0.0.0", False), ("fd00::1", False), ("station", False)],  # noqa: S104
)  # fmt: skip
def test_only_addresses_of_a_private_network_are_offered(address: str, private: bool) -> None:
    assert station.is_private(address) is private


def test_prepared_settings_are_https_on_the_chosen_private_address(tmp_path: Path) -> None:
    ready = station.prepare(settings_in(tmp_path, host="192.168.1.5", port=8443), NOW)
    assert (ready.host, ready.base_url, ready.secure) == ("192.168.1.5", "https://192.168.1.5:8443", True)
    ca = authority(station.authority_folder(ready), NOW)
    shake(Path(ready.tls_certificate), Path(ready.tls_key), ca.root_file, "192.168.1.5")
    assert station.prepare(ready, NOW) == ready


def test_the_usual_https_port_is_left_out_of_links(tmp_path: Path) -> None:
    assert station.prepare(settings_in(tmp_path, host="10.0.0.9", port=443), NOW).base_url == "https://10.0.0.9"


def test_all_interfaces_are_never_served(tmp_path: Path) -> None:
    ready = station.prepare(settings_in(tmp_path, host="0.0.0.0"), NOW)  # noqa: S104
    assert ready.host == station.addresses()[0]


def test_the_last_port_leaves_no_room_for_the_page(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="NUANXIN_PORT"):
        station.prepare(settings_in(tmp_path, port=65535), NOW)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's network is not the tests' to use: it is as if it had none."""
    monkeypatch.setattr(station, "addresses", lambda: ["127.0.0.1"])


@pytest.mark.usefixtures("offline")
def test_a_station_serves_both_page_and_service_and_shows_the_way(tmp_path: Path) -> None:
    out, port = io.StringIO(), free_ports()
    seen: list[object] = []

    def serve(ready: Settings) -> None:
        with serving(Path(ready.tls_certificate), Path(ready.tls_key), ready.port):
            root = tmp_path / "taken.crt"
            root.write_text(ssl.DER_cert_to_PEM_cert(ask(ready.port + 1, CERTIFICATE_PATH)[1]))
            seen.extend([ask_tls(ready.port, root), f'href="{ready.base_url}/"' in page(ready.port + 1)])

    station.run(settings_in(tmp_path, port=port), serve, out)
    assert seen == [204, True]
    shown = out.getvalue()
    ca = authority(tmp_path / "keys" / "lan", NOW)
    assert {f"http://127.0.0.1:{port + 1}/", f"https://127.0.0.1:{port}/"} <= set(
        re.findall(r"https?://[\d.:]+/", shown)
    )
    assert ca.fingerprint in shown
    assert "█" in shown
    assert "没有连上局域网" in shown
    assert "on no local network" in shown


@pytest.mark.usefixtures("offline")
def test_ctrl_c_ends_the_page_with_the_service(tmp_path: Path) -> None:
    port = free_ports()

    def serve(_ready: Settings) -> None:
        raise KeyboardInterrupt

    station.run(settings_in(tmp_path, port=port), serve, io.StringIO())
    with pytest.raises(ConnectionRefusedError):
        ask(port + 1)
    assert "install page" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.usefixtures("offline")
def test_a_service_that_fails_takes_the_page_with_it(tmp_path: Path) -> None:
    port = free_ports()

    def serve(_ready: Settings) -> None:
        raise RuntimeError("no store")

    with pytest.raises(RuntimeError, match="no store"):
        station.run(settings_in(tmp_path, port=port), serve, io.StringIO())
    with pytest.raises(ConnectionRefusedError):
        ask(port + 1)


@pytest.mark.usefixtures("offline")
def test_a_taken_port_is_named(tmp_path: Path) -> None:
    port = free_ports()
    with socket.create_server(("127.0.0.1", port + 1)), pytest.raises(RuntimeError, match=f"127.0.0.1:{port + 1}"):
        station.run(settings_in(tmp_path, port=port), lambda _ready: None, io.StringIO())
