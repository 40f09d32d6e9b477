"""The address of a model on a server: `grpc://HOST:PORT/MODEL`, `https://HOST/PREFIX/MODEL/versions/2`, and so on."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

PORTS = {"grpc": 8001, "grpcs": 8001, "http": 8000, "https": 443}
"""Ports if an address has none, by scheme."""
EXAMPLE = "such as grpc://10.0.0.9:8001/yolox or http://10.0.0.9:8000/yolox"


@dataclass(frozen=True)
class Address:
    """A model, and maybe a version of it, on a server; `prefix` is a path that a reverse proxy adds."""

    scheme: str
    host: str
    port: int
    model: str
    version: str = ""
    prefix: str = ""

    @classmethod
    def parse(cls, url: str) -> "Address":
        """The parts of an address.

        Raises:
            ValueError: it is none; the message leaves the address out.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(f"must be an address, {EXAMPLE}") from None
        if parts.scheme not in PORTS:
            raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in PORTS)}, {EXAMPLE}")
        if parts.username or parts.password:
            raise ValueError("must not have a user or password; write a token as token:")
        path = [unquote(one) for one in parts.path.split("/") if one]
        version = path.pop() if path[-2:-1] == ["versions"] else ""
        path = path[:-1] if version else path
        if not parts.hostname or port == 0 or not path or parts.query or parts.fragment:
            raise ValueError(f"must have a host, and the name of a model as its path, {EXAMPLE}")
        *before, model = path
        before = before[:-2] if before[-2:] == ["v2", "models"] else before
        if before and parts.scheme.startswith("grpc"):
            raise ValueError("must have nothing but the name of a model as its path, since gRPC has no prefixes")
        prefix = "".join(f"/{one}" for one in before)
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme], model, version, prefix)

    def __str__(self) -> str:
        version = f"/versions/{self.version}" if self.version else ""
        return f"{self.scheme}://{self.place}{self.prefix}/{self.model}{version}"

    @property
    def is_grpc(self) -> bool:
        """True for gRPC, False for HTTP."""
        return self.scheme in ("grpc", "grpcs")

    @property
    def is_encrypted(self) -> bool:
        """True for TLS."""
        return self.scheme.endswith("s")

    @property
    def place(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_server(text: str) -> bool:
    """True for what is written like the address of a model on a server, not like a file or one to download."""
    scheme, separator, rest = text.partition("://")
    return bool(separator) and scheme in PORTS and not rest.endswith(".onnx")
