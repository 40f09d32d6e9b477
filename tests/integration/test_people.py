"""Messages to people: each service is played by a server that checks what its documentation demands."""

import asyncio
import email
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from email import policy
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from edge_daemon.bridge.links import Links
from edge_daemon.bridge.receiver import Context, Receiver, Undelivered, connect
from edge_daemon.config.load import loads
from edge_daemon.delivery.message import Message
from edge_daemon.delivery.payload import Composer
from edge_daemon.delivery.presets import PRESETS
from edge_daemon.delivery.settings import AnyReceiver, BridgeSettings, LinkSettings
from edge_daemon.runtime import links
from edge_daemon.settings import StorageSettings
from edge_daemon.store.reader import Reader
from tests.acceptance.harness import free_port
from tests.http_files import self_signed
from tests.receiving import Answering, Received, receiving
from tests.unit.test_store import event

PICTURE = b"\xff\xd8\xff\xe0 a picture \r\n--\x00\xff\xd9"
FOREIGN = 'pérson <@everyone> & "*bold*"\r\nX-Evil: 1'
CONFIG = """
cameras: {{yard: {{source: 'scene:'}}}}
models: {{m: {{path: builtin:person}}}}
deliver: {{phone: {{{entry}}}}}
"""


def entry(text: str) -> AnyReceiver:
    config = loads(CONFIG.format(entry=text))
    assert config.deliver
    return config.deliver["phone"].receiver


EVENT = "0193715e-8f5a-7c3e-9d2b-6c1f0a7b2e44"


def message(folder: Path | None = None, **more: Any) -> Message:
    tracks = [{"tracker_id": 1, "class_name": FOREIGN}]
    body = event(1, tracks=tracks, because=["a reason"], **more)
    still = None
    if folder:
        still = folder / "id.jpg"
        still.write_bytes(PICTURE)
    return Message(
        id="s:1", body=body, data=json.loads(body), positions=(1,), still=still, event=EVENT if still else ""
    )


def send(receiver: AnyReceiver, one: Message, linked: LinkSettings | None = None) -> None:
    async def run() -> None:
        store = StorageSettings(folder="", media="")
        settings = BridgeSettings(name="phone", receiver=receiver, storage=store, recorder="", box="box", links=linked)
        composer = Composer(None, "box", "UTC", Links(linked))
        context = Context(settings, composer, Reader(Path()), lambda _: None)
        found: Receiver = connect(context)
        assert "token" not in found.to
        await found.open()
        try:
            await found.deliver([one])
        finally:
            await found.close()

    asyncio.run(run())


def refuse(sentence: str) -> Answering:
    return Answering(400, body=sentence.encode())


def text_of(value: str) -> str:
    return str(make_header(decode_header(value)))


def ntfy(request: Received) -> Answering:
    """https://docs.ntfy.sh/publish/: the body is the message, or the file if there is a Filename."""
    if request.path != "/topic":
        return refuse("no such topic")
    if request.headers.get("authorization") != "Bearer tk_1":
        return Answering(403)
    title = text_of(request.headers.get("title", ""))
    if "filename" in request.headers:
        good = request.body == PICTURE and "person" not in title and "pérson" in text_of(request.headers["message"])
    else:
        good = "pérson" in request.body.decode() and len(request.body) <= 4096
    return Answering() if good and title == "yard: visitor" and "x-evil" not in request.headers else refuse("wrong")


def telegram(request: Received) -> Answering:
    """https://core.telegram.org/bots/api#sendphoto: multipart, caption up to 1024 characters."""
    if not (found := re.fullmatch(r"/bot(\d+:[\w-]+)/(sendPhoto|sendMessage)", request.path)) or found[1] != "12:Ab_c":
        return Answering(404, body=b'{"ok":false}')
    if found[2] == "sendMessage":
        data = request.json
        good = data["chat_id"] == "77" and 0 < len(data["text"]) <= 4096 and "parse_mode" not in data
    else:
        parts = request.parts
        good = parts["chat_id"][1] == b"77" and parts["photo"][1:] == (PICTURE, "still.jpg")
        good = good and len(parts["caption"][1].decode()) <= 1024 and "parse_mode" not in parts
    return Answering(body=b'{"ok":true}') if good else refuse("wrong")


def pushover(request: Received) -> Answering:
    """https://pushover.net/api: token, user, message (1024 characters), title (250), attachment up to 5 MB."""
    parts = request.parts
    good = request.path == "/1/messages.json" and parts["token"][1] == b"app" and parts["user"][1] == b"me"
    good = good and 0 < len(parts["message"][1].decode()) <= 1024 and len(parts["title"][1].decode()) <= 250
    if "attachment" in parts:
        good = good and parts["attachment"] == ("image/jpeg", PICTURE, "still.jpg")
    return Answering(body=b'{"status":1}') if good else refuse("wrong")


def gotify(request: Received) -> Answering:
    """https://gotify.net/docs/pushmsg: POST /message with X-Gotify-Key."""
    good = request.path == "/base/message" and request.headers.get("x-gotify-key") == "app"
    return (
        Answering() if good and request.json["message"] and request.json["title"] == "yard: visitor" else refuse("no")
    )


def discord(request: Received) -> Answering:
    """https://docs.discord.com/developers/resources/webhook#execute-webhook: up to 2000 characters."""
    if request.headers["content-type"].startswith("multipart/form-data"):
        parts = request.parts
        data = json.loads(parts["payload_json"][1])
        good = parts["files[0]"] == ("image/jpeg", PICTURE, "still.jpg") and next(iter(parts)) == "payload_json"
    else:
        data, good = request.json, True
    good = good and request.path == "/api/webhooks/1/token" and 0 < len(data["content"]) <= 2000
    good = good and data["allowed_mentions"] == {"parse": []} and "*bold*" not in data["content"].replace("\\*", "")
    return Answering(204) if good else refuse("wrong")


def slack(request: Received) -> Answering:
    """https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: &, < and > are escaped."""
    text = request.json["text"]
    good = request.path == "/services/T/B/x" and request.headers["content-type"] == "application/json"
    good = good and "<" not in text and "&lt;@everyone&gt; &amp;" in text
    return Answering(body=b"ok") if good else refuse("invalid_payload")


SERVICES: dict[str, tuple[Callable[[Received], Answering], str]] = {
    "ntfy": (ntfy, "ntfy: '{url}/topic', token: '${{TOKEN}}'"),
    "telegram": (telegram, "telegram: 77, token: '${{BOT}}', server: '{url}'"),
    "pushover": (pushover, "pushover: '${{USER_KEY}}', token: '${{APP}}', server: '{url}'"),
    "gotify": (gotify, "gotify: '{url}/base/', token: '${{APP}}'"),
    "discord": (discord, "discord: '{url}/api/webhooks/1/${{WEBHOOK}}'"),
    "slack": (slack, "slack: '{url}/services/T/B/${{HOOK}}'"),
}
SECRETS = {"TOKEN": "tk_1", "BOT": "12:Ab_c", "USER_KEY": "me", "APP": "app", "WEBHOOK": "token", "HOOK": "x"}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("pictured", [True, False])
def test_a_service_accepts_messages_with_and_without_a_picture(tmp_path: Path, name: str, pictured: bool) -> None:
    judge, text = SERVICES[name]
    with receiving(judge) as receiver:
        settings = entry(f"{text.format(url=receiver.url)}, private: true")
        send(settings, message(tmp_path if pictured else None))
        assert len(receiver.accepted) == 1
        with pytest.raises(Undelivered):
            send(entry(f"{text.format(url=receiver.url + '/elsewhere')}, private: true"), message())


def fetched(address: str, state: Path) -> str:
    """The path of a link, if it allows what it says."""
    site, _, rest = address.partition("/api/")
    path, _, query = f"/api/{rest}".partition("?")
    given = dict(parse_qsl(query))
    key = links.key_of(state)
    assert links.allows(key, path, int(given["expires"]), given["role"], given["signature"], time.time())
    return f"{site}{path}"


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("name", ["gotify", "slack"])
def test_a_service_that_fetches_pictures_has_their_address(tmp_path: Path, name: str) -> None:
    """https://gotify.net/docs/msgextras, https://docs.slack.dev/reference/block-kit/blocks/image-block."""
    judge, text = SERVICES[name]
    linked = LinkSettings(url="https://cameras.example.org/box", state=str(tmp_path))
    with receiving(judge) as receiver:
        settings = entry(f"{text.format(url=receiver.url)}, private: true")
        send(settings, message(tmp_path), linked)
        send(settings, message(), linked)
        with_picture, without = (request.json for request in receiver.accepted)
    if name == "gotify":
        shown = with_picture["extras"]["client::notification"]["bigImageUrl"]
        assert "extras" not in without
    else:
        section, image = with_picture["blocks"]
        assert section["text"]["text"] == with_picture["text"]
        assert (image["type"], image["alt_text"]) == ("image", "yard: visitor")
        shown = image["image_url"]
        assert "blocks" not in without
    assert fetched(shown, tmp_path) == f"https://cameras.example.org/box/api/events/{EVENT}/still.jpg"


def test_templates_have_links_until_they_are_revoked(tmp_path: Path) -> None:
    linked = Links(LinkSettings(url="https://cameras.example.org", state=str(tmp_path)))
    clip = Composer("{clip}", "box", "UTC", linked).text("{clip}", message(tmp_path))
    assert fetched(clip, tmp_path) == f"https://cameras.example.org/api/events/{EVENT}/clip.mp4"
    links.new_key(tmp_path)
    with pytest.raises(AssertionError):
        fetched(clip, tmp_path)
    fetched(linked(EVENT)["clip"], tmp_path)


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize(
    ("name", "answer", "after_s"),
    [
        ("telegram", Answering(429, body=b'{"ok":false,"parameters":{"retry_after":35}}'), 35.0),
        ("discord", Answering(429, {"Retry-After": "7"}, b'{"retry_after":6.457}'), 7.0),
        ("discord", Answering(429, body=b'{"retry_after":6.457}'), 6.457),
    ],
)
def test_a_service_that_asks_to_wait_is_obeyed(name: str, answer: Answering, after_s: float) -> None:
    with receiving(lambda _: answer) as receiver:
        text = SERVICES[name][1].format(url=receiver.url)
        with pytest.raises(Undelivered) as caught:
            send(entry(f"{text}, private: true"), message())
        assert caught.value.failure.after_s == after_s
        assert not caught.value.failure.rejected


class Mailbox:
    """Keeps mails, and refuses what a test asks for."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.reply = "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.reply.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(email.message_from_bytes(content, policy=policy.default))
        return self.reply


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"edge", b"hush@/1")
    return AuthResult(success=good, handled=False)


@pytest.fixture(params=["smtp", "smtps"])
def mail_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Mailbox]]:
    """A mail server with TLS and passwords: its address and what arrives."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    mailbox = Mailbox()
    kind: Any = request.param
    tls: dict[str, Any] = (
        {"ssl_context": context} if kind == "smtps" else {"tls_context": context, "require_starttls": True}
    )
    tls |= {"authenticator": authenticate, "auth_required": kind == "smtp", "auth_require_tls": kind == "smtp"}
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **tls)
    controller.start()
    yield f"{kind}://edge:${{MAIL}}@127.0.0.1:{controller.port}", mailbox
    controller.stop(no_assert=True)


def test_mails_have_the_still_inline_and_go_over_tls(
    tmp_path: Path, mail_server: tuple[str, Mailbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, mailbox = mail_server
    monkeypatch.setenv("MAIL", "hush@/1")
    text = f"mail: [you@example.org, b@example.org], from: edge@example.org, server: '{server}', ca: {tmp_path}/tls.crt"
    settings = entry(f"{text}, text: '{{what}} at {{time}}'")
    send(settings, message(tmp_path))
    send(settings, message(rule="a\r\nBcc: x@example.org"))
    first, second = mailbox.mails
    assert (first["Subject"], first["From"]) == ("yard: visitor", "edge@example.org")
    assert first["To"] == "you@example.org, b@example.org"
    assert first["Message-ID"].startswith("<s.1.")
    page = first.get_body(("html",)).get_content()
    assert "cid:still" in page
    assert "&lt;@everyone&gt; &amp;" in page
    assert "at 22:01:00" in first.get_body(("plain",)).get_content()
    (image,) = [part for part in first.walk() if part.get_content_type() == "image/jpeg"]
    assert image.get_payload(decode=True) == PICTURE
    assert image["Content-ID"] == "<still>"
    assert second["Bcc"] is None
    mailbox.reply = "550 no"
    with pytest.raises(Undelivered) as caught:
        send(settings, message())
    assert caught.value.failure.rejected
    mailbox.reply = "451 later"
    with pytest.raises(Undelivered) as caught:
        send(settings, message())
    assert not caught.value.failure.rejected
    monkeypatch.setenv("MAIL", "wrong")
    with pytest.raises(Undelivered) as caught:
        send(entry(text), message())
    assert caught.value.failure.why.startswith("unauthorised")
    assert not caught.value.failure.rejected
    with pytest.raises(Undelivered) as caught:
        send(entry(text.partition(", ca:")[0]), message())
    assert caught.value.failure.why == "no trusted certificate"


def test_a_slow_receiver_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_daemon.bridge.http.TIMEOUT_S", 0.3)

    def judge(_: Received) -> Answering:
        time.sleep(1.0)
        return Answering()

    with receiving(judge) as receiver:
        began = time.monotonic()
        with pytest.raises(Undelivered) as caught:
            send(entry(f"webhook: '{receiver.url}', private: true"), message())
        assert caught.value.failure.why == "no answer in time"
        assert time.monotonic() - began < 5.0
