"""Types of single values in the configuration, each with its check and error message."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from edge_daemon import addresses
from edge_daemon.config import quantities
from edge_daemon.config.names import checked_name
from edge_daemon.config.problems import INVISIBLE, UNPRINTABLE, close
from edge_daemon.config.sources import is_on_disk, kind_of, path_of, scheme_of
from edge_daemon.server_address import EXAMPLE, Address
from edge_daemon.transport.curve import ANY, is_key, is_path
from edge_daemon.zones.geometry import crossed_edges
from edge_daemon.zoo.paths import BUILTIN, ZOO, checked_address, is_download

Provider = Literal[
    "cpu",
    "cuda",
    "tensorrt",
    "coreml",
    "migraphx",
    "openvino",
    "dnnl",
    "xnnpack",
    "qnn",
    "cann",
    "rknpu",
    "vsinpu",
    "vitisai",
    "webgpu",
]
"""Short names of ONNX Runtime's execution providers."""
_SCHEMES = ["rtsp", "rtsps", "http", "https", "file"]
_NEARLY = re.compile(r"(rtsps?|https?)\s*(?::/|//|:(?=[^/]*[@.])|;//|:\\)", re.IGNORECASE)
"""A scheme that is not followed by `://`."""
_HOST = re.compile(r"[^/\s]*:[^/]*@[\w.\[-]|(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?:/|$)|[\w.-]+:\d{2,5}/")
"""What may be in front of a path in a URL, and is none."""
_HOST_END = re.compile(r"([^/?#]*)([/?#]?)(.*)", re.DOTALL)
_QUOTES = re.compile("[\u2018-\u201f\u00ab\u00bb]")
_WRONG_PORT = re.compile(r"[^/?#\s]*@[\w.-]+:[^/?#@\s]+(?:[/?#]|$)|[\w.-]+:\d+(?:[/?#]|$)")
"""User, password, host and port, or host and numeric port: where these are no URL, it is the port."""
URL_HINT = "write / ? # @ and spaces of a password as %2F %3F %23 %40 %20"


Sides = tuple[float, float, float, float]
CLOCK = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
"""A local time."""


class SecretError(ValueError):
    """A problem with a value that must not be shown."""


def _folder(info: ValidationInfo) -> Path:
    """The folder that relative paths are resolved against."""
    context: dict[str, Any] = info.context or {}
    return context.get("folder") or Path()


def _source(value: object, info: ValidationInfo) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError("must be a URL, a path, the number of a webcam, or 'scene:'")
    value = _printable(value).strip()
    kind = "file" if is_on_disk(value) else kind_of(value)
    if kind in ("rtsp", "http"):
        return _url(value)
    if kind != "file":
        return value
    _check_scheme(value)
    scheme = scheme_of(value)
    if scheme not in ("", "file"):
        guess = close(scheme, _SCHEMES)
        hint = f"; did you mean {guess}://?" if guess else ""
        raise ValueError(f"must be rtsp://, rtsps://, http://, https://, file:// or a path{hint}")
    # A path that does not exist yet is taken for a folder if it ends with a slash.
    return str(_folder(info) / path_of(value)) + "/" * value.endswith("/")


def _url(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if INVISIBLE.search(value) or _QUOTES.search(value):
        raise SecretError(
            "contains a character that cannot be seen, or a typographic quote: type it instead of copying"
        )
    try:
        parts = urlsplit(value)
        good = bool(parts.hostname) and parts.port != 0 and not any(map(str.isspace, value))
    except ValueError:  # a port that is not a number; the exception's own text may contain the password
        good = False
    if not good and not is_cut_off(rest) and _WRONG_PORT.match(rest):
        raise ValueError("must have a port from 1 to 65535 after the host, or none")
    if not good or is_cut_off(rest):
        kind = (
            SecretError if re.match(r"[^/?#@\[]*:[^@]*$", rest) else ValueError
        )  # the end of a password may be missing
        raise kind(f"must be a URL with a host, such as rtsp://user:password@10.0.0.4/stream; {URL_HINT}")
    return f"{scheme.lower()}://{rest}"


def is_cut_off(rest: str) -> bool:
    """True if what follows `://` has the @ of a user and password beyond a character that ends the host."""
    host, end, path = _HOST_END.match(rest).groups()  # type: ignore[union-attr]
    if "@" in host or "@" not in path:
        return False
    if end in "#?" or re.match(r"[^/?#]*:[^/]*@", path):
        return True
    name, _, port = host.rpartition(":")
    return bool(port) and bool(name) and "." not in name and not name.startswith("[")


def _check_scheme(value: str) -> None:
    """Check that a path is no URL that lacks something.

    Raises:
        SecretError: it is one.
    """
    if found := _NEARLY.match(value):
        raise SecretError(f"must begin with {found[1].lower()}:// if it is a URL")
    if _HOST.match(value) or (INVISIBLE.search(value) and "://" in value):
        raise SecretError("must be a path, or a URL with its scheme: rtsp:// or http:// in front of the host")


def _model(value: str, info: ValidationInfo) -> str:
    if value.startswith(BUILTIN):
        if not value.removeprefix(BUILTIN):
            raise ValueError("must name a model after 'builtin:', such as builtin:person")
        return value
    if value.startswith(ZOO):
        if not value.removeprefix(ZOO):
            raise ValueError("must name a model after 'zoo:', such as zoo:yolox-nano")
        return value
    if is_download(value):
        return checked_address(_printable(value))
    if scheme_of(value):
        raise ValueError("must be a file, builtin:NAME, zoo:NAME, or https://... with its sha256")
    return resolved_path(value, info)


def _urls(value: object) -> list[str]:
    urls = [value] if isinstance(value, str) else value
    if not isinstance(urls, list) or not urls or not all(isinstance(one, str) for one in urls):
        raise ValueError(f"must be an address, or a list of them, {EXAMPLE}")
    try:
        return _differing([str(Address.parse(_printable(one))) for one in urls])
    except ValueError as error:
        raise SecretError(str(error)) from None


def _sha256(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError("must be the 64 hexadecimal digits that sha256sum prints")
    return value.lower()


def _fingerprint(value: str) -> str:
    plain = value.lower().removeprefix("sha256:").replace(":", "").removeprefix("sha256 fingerprint=")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise ValueError("must be the SHA-256 fingerprint that openssl x509 -noout -fingerprint -sha256 prints")
    return plain


def resolved_path(value: str, info: ValidationInfo) -> str:
    """A path, from the folder of the configuration.

    Raises:
        ValueError: it is empty, or not printable.
    """
    if not value:
        raise ValueError("must not be empty")
    return str(_folder(info) / _printable(value))


NAME_SETS = ("coco", "coco90", "coco91", "voc")
"""Words for usual lists of class names."""


def _labels(value: object, info: ValidationInfo) -> list[str] | str | None:
    match value:
        case None:
            return None
        case str() if value in NAME_SETS:
            return value
        case str():
            return resolved_path(value, info)
        case [*names] if names and all(isinstance(name, str) and name for name in names):
            return [str(name) for name in names]
        case _:
            raise ValueError("must be a list of names, the path of a text file with one name a line, coco or voc")


def _size(value: object) -> tuple[int, int]:
    sides: list[int] = []
    match value:
        case bool():
            pass
        case int():
            sides = [value, value]
        case str() if found := re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", value):
            sides = [int(found[1]), int(found[2])]
    if len(sides) != 2 or not all(1 <= side <= 16384 for side in sides):
        raise ValueError("must be a number of pixels, or WIDTHxHEIGHT such as 640x384")
    return sides[0], sides[1]


def _polygon(value: object) -> list[tuple[float, float]]:
    if isinstance(value, list) and len(value) >= 3 and all(map(_is_point, value)):
        return [(float(x), float(y)) for x, y in value]
    raise ValueError("must be a polygon: three or more points [x, y], from [0, 0] at the top left to [1, 1]")


def _simple_polygon(value: object) -> list[tuple[float, float]]:
    points = _polygon(value)
    if crossing := crossed_edges(points):
        raise ValueError("crosses itself: the edges from point {} and from point {} meet".format(*crossing))
    return points


def _polyline(value: object) -> list[tuple[float, float]]:
    if not (isinstance(value, list) and len(value) >= 2 and all(map(_is_point, value))):
        raise ValueError("must be a line: two or more points [x, y], from [0, 0] at the top left to [1, 1]")
    points = [(float(x), float(y)) for x, y in value]
    if any(a == b for a, b in pairwise(points)):
        raise ValueError("has the same point twice in a row")
    return points


def _is_point(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n <= 1 for n in value)
    )


def _printable(value: str) -> str:
    if UNPRINTABLE.search(value):
        raise ValueError("contains a line break or an unprintable character")
    return value


def _filled(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return _printable(value)


def _provider(item: object) -> str | dict[str, dict[str, str]]:
    """A provider's name, or a mapping from its name to its options."""
    name, options = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else (item, {})
    known = get_args(Provider)
    if name not in known:
        guess = close(str(name), known)
        hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"
        raise ValueError(f"must be an execution provider, or a mapping from one to its options; {hint}")
    scalars = (str, int, float, bool)
    if not isinstance(options, dict) or not all(isinstance(option, scalars) for option in options.values()):
        raise ValueError(f"must map option names of {name} to single values")
    texts = {str(key): str(int(v) if isinstance(v, bool) else v) for key, v in options.items()}
    return {str(name): texts} if texts else str(name)


def _differing_providers(items: list[Any]) -> list[Any]:
    _differing([item if isinstance(item, str) else next(iter(item)) for item in items])
    return items


def _differing(values: list[str]) -> list[str]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"lists the same value twice, at [{values.index(value)}] and [{i}]")
    return values


def _key(value: str, info: ValidationInfo) -> str:
    if is_key(_filled(value)):
        return value
    if not is_path(value):  # it may be a secret, which an error about a missing file would print
        raise ValueError("must be a key of 40 characters, or a file: a path that begins with / or ends in .key or .pub")
    return resolved_path(value, info)


def _client(value: str, info: ValidationInfo) -> str:
    return value if value == ANY else _key(value, info)


def _token(value: str) -> str:
    if re.fullmatch(r"sha256:[0-9a-f]{64}|(?!sha256:)[!-~ ]{20,}", value):
        return value
    raise SecretError(
        "must be sha256: and 64 hexadecimal digits, as edge-daemon token prints it, or ${NAME} of a token"
    )


def token_section(value: object) -> object:
    """A token as the section that it is short for."""
    if isinstance(value, str):
        return {"token": _token(value)}
    if isinstance(value, dict):
        return value
    raise ValueError("must be a token as edge-daemon token prints it, or {token: ..., role: ...}")


def _clock_times(value: object) -> list[str]:
    times = [value] if isinstance(value, str) else value
    if not isinstance(times, list) or not all(isinstance(one, str) and re.fullmatch(CLOCK, one) for one in times):
        raise ValueError('must be a local time such as "06:00", or a list of them')
    return list(_differing(times))


def _lengths(value: object) -> Sides:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError("must be the lengths of four sides, such as [4m, 12m, 4m, 12m]")
    a, b, c, d = (quantities.metres(one) for one in value)
    if 2 * max(a, b, c, d) >= a + b + c + d:
        raise ValueError("has a side that is as long as the three others together")
    return a, b, c, d


def _part(value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if value[0] >= value[2] or value[1] >= value[3]:
        raise ValueError("must be left, top, right and bottom, such as [0.125, 0, 0.875, 1]")
    return value


def track_section(value: object) -> object:
    """`false` and `true` as the sections that they are short for."""
    return {"enabled": value} if isinstance(value, bool) else value


def _prefix(value: str) -> str:
    if value and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError("must be a path such as /cameras")
    return value


def _endpoint(value: str, info: ValidationInfo) -> str:
    return addresses.endpoint(_printable(value), _folder(info))


def _anchor(value: object) -> tuple[float, float]:
    match value:
        case [int() | float() as width, int() | float() as height] if width > 0 and height > 0:
            return float(width), float(height)
    raise ValueError("an anchor is [width, height] in pixels")


Name = Annotated[str, AfterValidator(checked_name)]
Word = Annotated[str, AfterValidator(_filled)]
Words = Annotated[list[Word], Field(min_length=1), AfterValidator(_differing)]
ProviderItem = Annotated[
    str | dict[str, dict[str, str]],
    BeforeValidator(_provider),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(get_args(Provider))},
                {"type": "object", "propertyNames": {"enum": list(get_args(Provider))}, "maxProperties": 1},
            ]
        }
    ),
]
Providers = Annotated[list[ProviderItem], Field(min_length=1), AfterValidator(_differing_providers)]
Source = Annotated[
    str,
    BeforeValidator(_source),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer", "minimum": 0}]}),
]
FilePath = Annotated[str, AfterValidator(resolved_path)]
ModelPath = Annotated[str, AfterValidator(_model)]
Urls = Annotated[
    list[str],
    BeforeValidator(_urls),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}, {"type": "null"}]}
    ),
]
Sha256 = Annotated[str, AfterValidator(_sha256)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Labels = Annotated[
    list[str] | str | None,
    BeforeValidator(_labels),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
                {"type": "string"},
                {"type": "null"},
            ]
        }
    ),
]
Seconds = Annotated[
    float,
    BeforeValidator(quantities.seconds),
    WithJsonSchema({"type": "string", "pattern": quantities.SECONDS}),
]
Duration = Annotated[
    float,
    BeforeValidator(quantities.long_seconds),
    WithJsonSchema({"type": "string", "pattern": quantities.LONG}),
]
Pause = Annotated[
    float,
    BeforeValidator(quantities.long_seconds_or_none),
    WithJsonSchema({"type": "string", "pattern": quantities.LONG}),
]
"""A duration that may be 0s."""
Bytes = Annotated[
    int,
    BeforeValidator(quantities.count_bytes),
    WithJsonSchema({"type": "string", "pattern": quantities.BYTES}),
]
Size = Annotated[
    tuple[int, int],
    BeforeValidator(_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+x[0-9]+$"}]}),
]
Polygon = Annotated[
    list[tuple[float, float]],
    BeforeValidator(_polygon),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "number", "minimum": 0, "maximum": 1},
                "minItems": 2,
                "maxItems": 2,
            },
            "minItems": 3,
        }
    ),
]
_POINTS: dict[str, Any] = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 2, "maxItems": 2},
}
SimplePolygon = Annotated[
    list[tuple[float, float]], BeforeValidator(_simple_polygon), WithJsonSchema({**_POINTS, "minItems": 3})
]
Polyline = Annotated[list[tuple[float, float]], BeforeValidator(_polyline), WithJsonSchema({**_POINTS, "minItems": 2})]
Polygons = Annotated[list[Polygon], Field(min_length=1)]
Anchor = Annotated[
    tuple[float, float],
    BeforeValidator(_anchor),
    WithJsonSchema({"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}, "minItems": 2, "maxItems": 2}),
]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Part = Annotated[tuple[Share, Share, Share, Share], AfterValidator(_part)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Endpoints = Annotated[list[Endpoint], Field(min_length=1), AfterValidator(_differing)]
Token = Annotated[str, AfterValidator(_token)]
Lengths = Annotated[
    Sides,
    BeforeValidator(_lengths),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "pattern": quantities.METRES},
            "minItems": 4,
            "maxItems": 4,
        }
    ),
]
_CLOCK = {"type": "string", "pattern": CLOCK}
ClockTimes = Annotated[
    list[str],
    BeforeValidator(_clock_times),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": CLOCK},
                {"type": "array", "items": {"type": "string", "pattern": CLOCK}},
            ]
        }
    ),
]
Prefix = Annotated[str, AfterValidator(_prefix)]
SecretKey = Annotated[str, AfterValidator(_key)]
Clients = Annotated[list[Annotated[str, AfterValidator(_client)]], Field(min_length=1), AfterValidator(_differing)]
Listen = Annotated[str, AfterValidator(addresses.listen)]
Networks = Annotated[
    list[Annotated[str, AfterValidator(addresses.network)]], Field(min_length=1), AfterValidator(_differing)
]
Origins = Annotated[
    list[Annotated[str, AfterValidator(addresses.origin)]], Field(min_length=1), AfterValidator(_differing)
]
