"""Keys: what is one, where it is kept, and who may read it."""

from pathlib import Path

import pytest
import zmq

from edge_daemon.config.load import loads, missing_files
from edge_daemon.errors import ConfigError, StartError
from edge_daemon.transport.curve import ANY, KeyPair, client_keys, generate, is_key, public_key, secret_key, write


def config(publish: str) -> str:
    return f"cameras: {{a: {{source: 'scene:'}}}}\nmodels: {{m: {{path: 'builtin:person'}}}}\npublish: {publish}\n"


@pytest.fixture
def pair() -> KeyPair:
    return generate()


@pytest.mark.parametrize("_", range(20))
def test_new_keys_can_be_written_anywhere(_: int, pair: KeyPair) -> None:
    assert zmq.curve_public(pair.secret.encode()).decode() == pair.public
    for key in pair:
        assert is_key(key)
        text = config(f"{{secret_key: '{key}', clients: ['{key}']}}")
        assert loads(text).publish.secret_key == key
        assert loads(text).publish.clients == [key]


def test_a_secret_is_for_its_owner_alone(tmp_path: Path, pair: KeyPair) -> None:
    secret, public = write(pair, tmp_path / "door")
    assert (secret.name, public.name) == ("door.key", "door.pub")
    assert (secret.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)
    assert secret_key(str(secret)) == secret_key(pair.secret) == pair.secret
    assert public_key(str(public)) == public_key(pair.public) == pair.public
    secret.chmod(0o640)
    with pytest.raises(StartError, match="chmod 600"):
        secret_key(str(secret))


def test_nothing_is_overwritten(tmp_path: Path, pair: KeyPair) -> None:
    (tmp_path / "door.pub").write_text("somebody's")
    with pytest.raises(StartError, match=r"cannot write .*: File exists"):
        write(pair, tmp_path / "door")
    assert [path.name for path in tmp_path.iterdir()] == ["door.pub"], "and no half of a pair is left"


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 41, b"\xff" * 40, b"two\n" * 10])
def test_a_file_without_a_key_says_so_and_not_what_it_holds(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.key").write_bytes(content)
    (tmp_path / "bad.key").chmod(0o600)
    with pytest.raises(StartError, match="contains no key") as caught:
        secret_key(str(tmp_path / "bad.key"))
    assert "short" not in str(caught.value)
    with pytest.raises(StartError, match="cannot read the key"):
        public_key(str(tmp_path / "nothing.pub"))


def test_keys_of_a_subscriber(tmp_path: Path, pair: KeyPair) -> None:
    own = generate()
    assert client_keys(None, None) is None
    assert (shown := client_keys(pair.public, own.secret))
    assert (shown.server, shown.own) == (pair.public, own)
    assert (unknown := client_keys(pair.public, None))
    assert unknown.own != own
    with pytest.raises(StartError, match="public key is needed"):
        client_keys(None, own.secret)


@pytest.mark.parametrize(
    ("publish", "says"),
    [
        ("{secret_key: a.key}", "publish.secret_key: needs clients beside it"),
        ("{clients: [any]}", "publish.clients: needs secret_key beside it"),
        ("{secret_key: nonsense, clients: [any]}", "publish.secret_key: must be a key of 40 characters, or a file"),
        ("{secret_key: a.key, clients: []}", "publish.clients"),
        ("{secret_key: a.key, clients: [a.pub, a.pub]}", "publish.clients: lists the same value twice"),
        ("{bind: ['tcp://*:5555']}", "set secret_key and clients"),
    ],
)
def test_what_is_wrong_in_a_configuration(publish: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(config(publish))
    assert says in str(caught.value)


def test_files_that_are_missing_are_named_and_secrets_are_not(
    tmp_path: Path, pair: KeyPair, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = loads(
        config(f"{{bind: ['tcp://*:5555'], secret_key: {tmp_path}/a.key, clients: [{tmp_path}/b.pub, any]}}")
    )
    assert loaded.publish.clients == [f"{tmp_path}/b.pub", ANY]
    problems = [str(problem) for problem in missing_files(loaded)]
    assert [problem.split(": ")[1] for problem in problems] == ["publish.secret_key", "publish.clients[0]"]
    monkeypatch.setenv("KEY", "hunter2hunter2")
    with pytest.raises(ConfigError) as caught:
        loads(config("{secret_key: '${KEY}', clients: [any]}"))
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("KEY", pair.secret)
    right = loads(config("{secret_key: '${KEY}', clients: [any]}"))
    assert right.publish.secret_key == pair.secret
    assert pair.secret not in repr(right)
