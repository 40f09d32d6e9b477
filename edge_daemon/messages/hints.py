"""What to do about a camera that gives no pictures: one sentence for each reason, in `status/`, on the page, in `top`
and in `probe`.
"""

ENDED = "process ended"
"""The reason if it is not the camera that has failed."""
HINTS = {
    "refused": "Nothing listens there: is the camera on, and the port right?",
    "unauthorised": "User or password is wrong. Special characters in a URL are written as %40 (@), %3A (:); in "
    "${NAME} they stay as they are.",
    "not found": "The camera answers, but has no stream at this path. Look the path up in its manual.",
    "timeout": "The camera does not answer in time.",
    "unreachable": "There is no way to this address from here.",
    "unknown host": "This name is not known here.",
    "decode error": "The stream arrives, but cannot be read as video.",
    "ended": "The camera has closed the connection. It may be starting again, or serve no more viewers.",
    "no frames": "It can be opened, but gives no frames.",
    "no trusted certificate": "The camera's certificate is not trusted: set `ca` or `fingerprint`.",
    "redirected": "The camera refers to another server, which is not followed: write that address as `source`.",
    ENDED: "Its process has ended and is started again; the log says why.",
    "stalled": "The connection stands, but no frame arrives. Look at the network and at the camera's load.",
    "frozen": "All pictures are the same: start the camera again.",
    "off": "It was switched off: edge-daemon camera on NAME switches it on.",
    "waiting for a key frame": "Pictures begin with a key frame: set the camera's I-frame interval to a second or two.",
}
"""By reason, as it is in a `SourceError` or the state of a capture."""
HINTS_HERE = {
    "refused": "It cannot be opened: another program may be using it.",
    "unauthorised": "This user may not read it: the log says who may.",
    "not found": "It is not there: is it plugged in or mounted, and its name right?",
    "ended": "It gives no more frames: is it still plugged in?",
}
"""The same of devices, files and folders of this machine, where they differ."""
RECEIVER_HINTS = {
    "refused": "Nothing listens there: is the receiver on, and the port right?",
    "unknown host": "This name is not known here: is there a connection to the internet?",
    "no answer": "The receiver does not answer in time.",
    "no answer in time": "The receiver does not answer in time.",
    "connection lost": "The receiver has closed the connection.",
    "network is unreachable": "There is no way to the receiver from here.",
    "no trusted certificate": "The receiver's certificate is not trusted: set `ca`, or look at its name.",
    "certificate has expired": "The receiver needs a new certificate, or the clock of this machine is wrong.",
    "certificate not valid yet": "Look at the clock of this machine, and at the receiver's certificate.",
    "certificate of another name": "The receiver's certificate is for another name: use that one in the address.",
    "TLS failed": "Is the port one with TLS? A broker may also ask for a `certificate` of this box, or refuse it.",
    "unauthorised": "The receiver does not accept this token or password.",
    "private network": "Such addresses are reached only with `private: true`.",
    "redirects": "Redirects are not followed, since they may lead anywhere.",
    "not authorised": "The broker does not let this user publish there: look at its access list.",
    "unsupported protocol version": "The broker is an older one: set `version: 3.1.1`.",
    "session taken over": "Another client connects under the same name: give each box a `name` of its own.",
    "no TLS": "Without TLS, passwords and pictures could be read on the way.",
    "answers 404": "The receiver does not know this address.",
    "answers 429": "The receiver asks for fewer messages: set `limit` or `every`.",
    "answers 5": "The receiver has a problem of its own.",
    "no stream of JetStream": "Add a stream that has these subjects: docs/brokers.md has the command.",
    "the stream is full": "Its limits are reached: let it discard old messages, or give it more room.",
    "permissions violation": "This user may not do that: docs/brokers.md has the rights that it needs.",
    "authorization violation": "The server does not accept these credentials.",
    "cannot read the credentials": "A file of credentials, or its content as a secret, is what NATS needs.",
    "there is no such topic": "Create the topic, or allow the broker to do so.",
    "no such file or directory": "The folder is not there: is the drive mounted?",
    "the folder is not there": "Is the drive mounted? The folder is not made, so that a missing drive is seen.",
    "permission denied": "The service may not write there: docs/brokers.md says what it needs.",
    "the drive does not answer": "Is the machine on that has the drive?",
    "no space left on device": "The drive is full.",
}
"""By how the reason begins why a receiver is away."""
_ANSWERS = "The camera answers with an error; its manual has the number."


def hint_for(reason: str, source: str = "") -> str:
    """A sentence on what to do about this reason, why `source` gives no pictures; empty if there is none."""
    if source and "://" not in source and reason in HINTS_HERE:
        return HINTS_HERE[reason]
    return _ANSWERS if reason.startswith("answers ") else HINTS.get(reason, "")


def reason_in(state: str) -> str:
    """The reason in the state of a camera whose process runs, such as `down (refused)`; empty if all is well."""
    if state.startswith("down (") and state.endswith(")"):
        return state[len("down (") : -1]
    return state if state in HINTS else ""


def kind_of(state: str) -> str:
    """The state without its reason: `down` for `down (refused)`."""
    return state.partition(" (")[0]


def hint_for_receiver(reason: str) -> str:
    """A sentence on what to do about a receiver that is away for this reason; empty if there is none."""
    found = [beginning for beginning in RECEIVER_HINTS if reason.startswith(beginning)]
    return RECEIVER_HINTS[max(found, key=len)] if found else ""
