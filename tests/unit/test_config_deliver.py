"""The keys of receivers."""

from pathlib import Path

import pytest

from edge_daemon.cli import check
from edge_daemon.cli.check import lacking
from edge_daemon.config.assignment import rules_of
from edge_daemon.config.load import loads
from edge_daemon.config.shown import as_yaml
from edge_daemon.delivery.settings import (
    BridgeSettings,
    FilesSettings,
    FolderSettings,
    KafkaSettings,
    LimitSettings,
    LinkSettings,
    MailSettings,
    MqttSettings,
    NatsSettings,
    PlacesSettings,
    PushSettings,
)
from edge_daemon.errors import ConfigError
from edge_daemon.settings import HasState, RecorderSettings, SinkSettings, WebSettings
from edge_daemon.supervisor.diff import in_words
from edge_daemon.supervisor.plan import plan

BASE = """
cameras: {{yard: {{source: 'scene:', models: [m]}}, gate: {{source: 'scene:', models: [m]}}}}
models: {{m: {{path: builtin:person}}}}
deliver: {{phone: {{{entry}}}}}
{more}
"""
SEED = "SU" + 56 * "A"
HOOK = "webhook: 'https://example.org/hook'"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    monkeypatch.setenv("T", "hush")
    monkeypatch.setenv("U", "https://hooks.example.org/hush")


def errors(entry: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        loads(BASE.format(entry=entry, more=more), "c.yaml")
    assert "hush" not in str(caught.value)
    return str(caught.value)


def bridge(entry: str, more: str = "", base: str = BASE) -> BridgeSettings:
    specs = plan(loads(base.format(entry=entry, more=more)), Path("/run/x"), state=Path("/proc/nowhere"))
    (found,) = [spec.settings for spec in specs if isinstance(spec.settings, BridgeSettings)]
    return found


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("rules: [offline]", "needs a receiver: webhook, ntfy,"),
        (f"{HOOK}, ntfy: 'https://ntfy.sh/x'", "ntfy: is a second receiver, beside webhook"),
        ("ntfy: 'https://ntfy.sh/x', in_flight: 2", "in_flight: is for webhook"),
        ("ntfy: 'https://ntfy.sh/x', send: [counts]", "send: has to be [events] with ntfy"),
        (
            "gotify: 'https://g.example.org', token: '${T}', still: true",
            "still: is by its address, which needs web.url",
        ),
        (f"{HOOK}, payload: {{picture: '{{still}}'}}", "payload: names {still}, which needs web.url: the address at"),
        ("ntfy: 'https://ntfy.sh/x', text: '{what} {clip}'", "text: names {clip}, which needs web.url"),
        ("telegram: 12", "token: is missing: telegram needs it"),
        ("mail: you@example.org", "server: is missing; for example smtps://"),
        ("mail: you@example.org, server: 'https://example.org'", "server: must begin with smtps://"),
        ("mail: 'you@example.org, x', server: 'smtps://example.org'", "must be a mail address"),
        ("slack: 'https://hooks.slack.com/x'", "slack: is a secret: write ${NAME}"),
        ("mail: you@example.org, server: 'smtps://u:hush@example.org'", "server: is a secret: write ${NAME}"),
        (f"{HOOK}, secret: 'whsec_x'", "secret: must be whsec_ and 24 to 64 bytes"),
        (f"{HOOK}, secret: '${{T}}'", "secret: must be whsec_ and 24 to 64 bytes"),
        ("webhook: 'ftp://example.org'", "webhook: must be an address, such as"),
        ("webhook: 'https://u:hush@example.org'", "webhook: must not have a user"),
        (f"{HOOK}, every: 10min, send: [events, counts]", "every: summarises events: send has to be [events]"),
        (f"{HOOK}, limit: 20", "limit: must be a number of messages in a time"),
        (f"{HOOK}, limit: 0/s", "limit: must be a number of messages in a time"),
        (f"{HOOK}, payload: {{text: '{{cam}}'}}", "payload: names {cam}, which there is not"),
        (f"{HOOK}, payload: '{{camera.x}}'", "payload: may have nothing but names"),
        (f"{HOOK}, cameras: [yrad]", "cameras[0]: must name one of cameras: yard or gate"),
        (f"{HOOK}, rules: [visitor]", "rules[0]: must name one of rules: offline"),
        (f"{HOOK}, phases: [begin]", "phases[0]: must be start, update or end"),
        ("mqtt: 'http://10.0.0.2'", "mqtt: must be an address, such as mqtts://edge:${MQTT_PASSWORD}@10.0.0.2"),
        ("mqtt: 'mqtt://10.0.0.2/topic'", "mqtt: must be a host and maybe a port"),
        ("mqtt: 'mqtts://edge:hush@10.0.0.2'", "mqtt: is a secret: write ${NAME}"),
        ("mqtt: 'mqtts://10.0.0.2', prefix: 'a/#'", "prefix: "),
        ("mqtt: 'mqtts://10.0.0.2', version: 4", "version: "),
        (f"{HOOK}, discovery: homeassistant", "discovery: is for mqtt"),
        ("nats: 'http://hub.example.org'", "nats[0]: must be an address, such as tls://hub.example.org:4222"),
        ("nats: 'tls://u:hush@hub.example.org'", "nats[0]: must not have a user or password"),
        ("nats: 'tls://hub.example.org', topic: edge", "topic: is for kafka"),
        ("nats: 'tls://hub.example.org', prefix: 'a.>'", "prefix: "),
        (f"nats: 'tls://hub.example.org', credentials: {SEED}", "credentials: is a secret: write ${NAME}"),
        ("kafka: 'broker:9092'", "topic: is missing: kafka needs it"),
        ("kafka: 'broker', topic: edge", "kafka[0]: must be a host and port, such as broker.example.org:9092"),
        ("kafka: 'b:1', topic: edge, user: u, password: hush", "password: is a secret: write ${NAME}"),
        ("files: x.jsonl, rotate: {size: 5}", "rotate.size: needs a unit"),
        ("files: x.jsonl, rate: 2MB/s", "rate: is for folder"),
        ("folder: /mnt/x, rate: 2MB", "rate: must be a rate, such as 500KB/s or 2MB/s"),
        ("folder: /mnt/x, send: [events, tracks]", "send: has to be [events] with folder"),
        (f"{HOOK}, during: '25:00-03:00'", "during: "),
        ("nfty: 'https://ntfy.sh/x'", "nfty: unknown key; did you mean ntfy?"),
    ],
)
def test_mistakes(entry: str, sentence: str) -> None:
    assert sentence in errors(entry)


LINKED = f"{HOOK}, payload: '{{clip}}'"


def test_links_need_the_address_of_a_page_that_is_there() -> None:
    more = "web: {url: 'https://cameras.example.org/box/', hosts: [inside]}"
    assert bridge(LINKED, more).links == LinkSettings(url="https://cameras.example.org/box", state="/proc/nowhere")
    (web,) = [
        spec.settings
        for spec in plan(loads(BASE.format(entry=LINKED, more=more)), Path("/run/x"), state=Path("/proc/nowhere"))
        if isinstance(spec.settings, WebSettings)
    ]
    assert web.hosts == ["inside", "cameras.example.org"]
    assert "needs web, which is not enabled" in errors(
        LINKED, "web: {url: 'https://cameras.example.org', enabled: false}"
    )
    assert "web.url: must be a host, port and path only" in errors(LINKED, "web: {url: 'https://u:p@example.org'}")
    assert bridge(HOOK).links is None


def test_a_receiver_that_would_have_pictures_is_named() -> None:
    gotify = "gotify: 'https://g.example.org', token: '${T}'"

    def notes(entry: str, more: str) -> list[str]:
        return [str(one) for one in check.pictureless(loads(BASE.format(entry=entry, more=more)))]

    (note,) = notes(gotify, "record: {}")
    assert "gets no pictures: gotify fetches them, which needs web.url" in note
    assert not notes(gotify, "record: {}\nweb: {url: 'https://example.org'}")
    assert not notes(gotify, "")
    assert not notes(f"{gotify}, still: false", "record: {}")
    assert not notes("ntfy: 'https://ntfy.sh/x'", "record: {}")


def test_deliveries_need_the_store() -> None:
    assert "deliver: needs the store, which `storage` turns off" in errors(HOOK, "storage: false")


def test_a_bridge_has_what_its_entry_says() -> None:
    settings = bridge(
        f"{HOOK}, secret: '${{S}}', limit: 20/min, send: [events, results], phases: [start], payload: [rule]",
        "name: box\nrecord: {}\nlocation: {time_zone: Europe/Berlin}",
    )
    assert (settings.name, settings.kind, settings.box, settings.time_zone) == (
        "phone",
        "webhook",
        "box",
        "Europe/Berlin",
    )
    assert settings.limit == LimitSettings(count=20, per_s=60.0)
    assert (settings.every_s, settings.payload, settings.selection.phases) == (None, ("rule",), ("start",))
    assert settings.published == "ipc:///run/x/bridge-0"
    assert settings.stills == ("yard", "gate")


def test_an_mqtt_broker_has_places_and_its_user_and_password_apart() -> None:
    places = "zones: {{drive: {{points: [[0, 0], [1, 0], [1, 1]]}}}}"
    rules = "visitor: {enters: drive}, quiet: {leaves: drive, quiet: true}"
    more = f"rules: {{{rules}}}\nrecord: {{}}\nmodes: [home, away]"
    base = BASE.replace("models: [m]", places, 1)
    entry = "mqtt: 'mqtts://edge:${T}@10.0.0.2', discovery: homeassistant, alerts: true, version: 3.1.1"
    settings = bridge(entry, more, base)
    receiver = settings.receiver
    assert isinstance(receiver, MqttSettings)
    assert (receiver.servers, receiver.user, receiver.password) == (("mqtts://10.0.0.2",), "edge", "hush")
    assert (receiver.version, receiver.discovery, receiver.commands) == ("3.1.1", True, False)
    assert settings.published
    assert settings.modes == ("home", "away")
    yard = PlacesSettings(zones=("drive",), rules=("visitor", "offline"), troubles=("offline",))
    assert settings.places == {"yard": yard, "gate": PlacesSettings(rules=("offline",), troubles=("offline",))}


@pytest.mark.parametrize(
    ("entry", "url", "to"),
    [
        ("ntfy: 'https://ntfy.sh/x'", "https://ntfy.sh/x", ""),
        ("telegram: 12, token: '${T}'", "https://api.telegram.org", "12"),
        ("pushover: '${T}', token: '${T}', server: 'https://p.example.org'", "https://p.example.org", "hush"),
        ("discord: '${U}'", "https://hooks.example.org/hush", ""),
    ],
)
def test_presets_know_their_addresses(entry: str, url: str, to: str) -> None:
    receiver = bridge(entry).receiver
    assert isinstance(receiver, PushSettings)
    assert (receiver.url, receiver.to) == (url, to)
    assert bridge(entry).selection.phases == ("start",)


def test_mail_is_from_its_receiver_unless_another_is_named() -> None:
    server = "server: 'smtps://u:${T}@smtp.example.org'"
    receiver = bridge(f"mail: you@example.org, {server}").receiver
    assert isinstance(receiver, MailSettings)
    assert (receiver.sender, receiver.to) == ("you@example.org", ("you@example.org",))
    named = bridge(f"mail: [a@example.org], from: box@example.org, {server}").receiver
    assert isinstance(named, MailSettings)
    assert named.sender == "box@example.org"


def test_brokers_files_and_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED", SEED)
    found = bridge("nats: 'tls://a:4222, nats://b', credentials: '${SEED}', prefix: site.north, send: [events, counts]")
    assert found.receiver == NatsSettings(servers=("tls://a:4222", "nats://b"), credentials=SEED, prefix="site.north")
    assert found.kind == "nats"
    named = bridge("nats: nats://b, credentials: /etc/edge/box.creds").receiver
    assert named == NatsSettings(servers=("nats://b",), credentials="/etc/edge/box.creds")
    lake = bridge("kafka: ['[::1]:9092', b:1], topic: edge, user: u, password: '${T}', mechanism: PLAIN").receiver
    assert lake == KafkaSettings(
        servers=("[::1]:9092", "b:1"), topic="edge", user="u", password="hush", mechanism="PLAIN"
    )
    log = bridge("files: /x/e.jsonl, rotate: {age: 1d, keep: 3}, during: '22:00-06:00'")
    assert log.receiver == FilesSettings(path="/x/e.jsonl", size_bytes=100_000_000, age_s=86400.0, keep=3)
    assert log.during == "22:00-06:00"
    assert bridge("folder: /x, rate: 1.5MB/s").receiver == FolderSettings(path="/x", rate=1_500_000)


def test_a_receiver_without_its_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = loads(BASE.format(entry="nats: nats://b", more=""))
    assert not list(lacking(config))
    monkeypatch.setattr(check, "find_spec", lambda _: None)
    (problem,) = lacking(config)
    assert "pip install 'edge-daemon[nats]'" in str(problem)


def test_cameras_that_are_down_are_reported_unless_a_rule_does_so() -> None:
    rules = rules_of(loads(BASE.format(entry=HOOK, more="")))
    assert rules["yard", "m"].rules["offline"].condition == HasState(of="camera", states=("down", "frozen"), for_s=60.0)
    assert "offline" in rules["gate", "m"].rules
    own = rules_of(loads(BASE.format(entry=HOOK, more="rules: {gone: {camera: [down]}}")))
    assert list(own["yard", "m"].rules) == ["gone"]


def test_the_recorder_and_the_sink_know_the_receivers() -> None:
    config = loads(BASE.format(entry=f"{HOOK}, send: [status]", more=""))
    settings = [spec.settings for spec in plan(config, Path("/run/x"), state=Path("/proc/nowhere"))]
    assert [one.receivers for one in settings if isinstance(one, RecorderSettings)] == [("phone",)]
    assert [one.bridges for one in settings if isinstance(one, SinkSettings)] == [["ipc:///run/x/bridge-0"]]


def test_secrets_are_not_shown() -> None:
    before, after = (
        loads(BASE.format(entry=f"{text}, token: '${{T}}'", more="")) for text in (HOOK, f"{HOOK[:-1]}?x=hush'")
    )
    assert "hush" not in as_yaml(before)
    assert "hush" not in repr(before)
    plans = [plan(one, Path("/run/x"), state=Path("/proc/nowhere")) for one in (before, after)]
    assert "hush" not in in_words(*plans)
    assert "webhook" in in_words(*plans)
