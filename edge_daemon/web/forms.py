"""The file in a form (multipart/form-data)."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from edge_daemon.errors import RequestError

MOST_FIELDS = 10
NO_PICTURE = "there is no picture in the request: send it as the body, or as a file of a form"


class FormError(RequestError):
    """A form cannot be read, or has no file."""


class _Form:
    """Receives what the parser reports, and keeps the first file."""

    def __init__(self) -> None:
        self.file: bytearray | None = None
        self._name, self._value, self._disposition = b"", b"", b""
        self._fields, self._in_file = 0, False

    def on_part_begin(self) -> None:
        self._disposition, self._in_file = b"", False

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        if b"filename" not in options:
            self._fields += 1
        elif self.file is None:
            self.file, self._in_file = bytearray(), True
        else:
            raise FormError("the form has more than one file")
        if self._fields > MOST_FIELDS:
            raise FormError(f"the form has more than {MOST_FIELDS} fields")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file and self.file is not None:
            self.file += memoryview(data)[start:end]


def file_of_form(content_type: str, body: bytes) -> bytearray:
    """The bytes of the file in a form.

    Raises:
        FormError: the form cannot be read, has no file, or more than one.
    """
    _, options = parse_options_header(content_type)
    if not (boundary := options.get(b"boundary")):
        raise FormError("the form cannot be read: its Content-Type names no boundary")
    form = _Form()
    callbacks = {name: getattr(form, name) for name in dir(form) if name.startswith("on_")}
    try:
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise FormError(f"the form cannot be read: {error}") from error
    if not form.file:
        raise FormError(NO_PICTURE)
    return form.file
