"""An RTSP server for tests: a clip, or a live test picture, on 127.0.0.1.

Run it with Debian's own Python, which has GStreamer's bindings (tools/components.sh installs them):

    /usr/bin/python3 tests/rtsp_server.py 8554 cam
    /usr/bin/python3 tests/rtsp_server.py 0 clip --file clip.mp4 --user viewer --password secret

It prints `ready PORT` when it serves; port 0 takes a free one. A clip starts anew for each client and ends
with its last frame; all clients of the live picture see the same one.
"""

import argparse
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

CONTAINERS = {".mp4": "qtdemux", ".mov": "qtdemux", ".mkv": "matroskademux", ".avi": "avidemux", ".ts": "tsdemux"}
CODECS = {
    "h264": "h264parse ! queue ! rtph264pay config-interval=-1",
    "h265": "h265parse ! queue ! rtph265pay config-interval=-1",
    "mpeg4": "mpeg4videoparse ! queue ! rtpmp4vpay config-interval=1",
    "jpeg": "jpegparse ! queue ! rtpjpegpay",
}
SOUNDS = {
    "pcma": "audio/x-alaw ! queue ! rtppcmapay",
    "pcmu": "audio/x-mulaw ! queue ! rtppcmupay",
    "l16": "audioconvert ! audio/x-raw,format=S16BE ! queue ! rtpL16pay",
    "aac": "aacparse ! queue ! rtpmp4gpay",
}
PAYLOAD = "name=pay0 pt=96"
ELEMENTS = ("videotestsrc", "x264enc", "qtdemux", "h264parse", "rtph264pay")


def clip(file: Path, codec: str, sound: str | None) -> str:
    """The pipeline that serves `file` as it is, with nothing decoded."""
    quoted = str(file.resolve()).replace("\\", "\\\\").replace('"', '\\"')
    heard = f" d. ! {SOUNDS[sound]} name=pay1 pt=97" if sound else ""
    demuxer = CONTAINERS[file.suffix.lower()]
    return f'( filesrc location="{quoted}" ! {demuxer} name=d d. ! {CODECS[codec]} {PAYLOAD}{heard} )'


def seen(file: Path) -> str:
    """The pipeline that shows a file of JPEGs once, as the scene that a camera with two streams looks at."""
    decoded = f'filesrc location="{file.resolve()}" ! {CONTAINERS[file.suffix.lower()]} ! jpegdec ! videoconvert'
    return f"{decoded} ! intervideosink channel=scene sync=true"


def one_of_two(size: str, fps: int) -> str:
    """The pipeline of one of two streams of what `seen` shows."""
    width, height = size.split("x")
    return (
        f"( intervideosrc channel=scene ! queue ! videoconvert ! videoscale ! videorate"
        f" ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
        f" ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=8000 key-int-max={2 * fps}"
        f" ! video/x-h264,profile=baseline ! rtph264pay config-interval=1 {PAYLOAD} )"
    )


def live(pattern: str, size: str, fps: int, bframes: int, key_frames: int) -> str:
    """The pipeline that encodes a test picture in real time, with a key frame every `key_frames`."""
    width, height = size.split("x")
    speed = "tune=zerolatency speed-preset=ultrafast"
    if bframes:
        speed = f"bframes={bframes} b-adapt=false speed-preset=veryfast rc-lookahead=0 sliced-threads=false"
    return (
        f"( videotestsrc is-live=true pattern={pattern}"
        f" ! video/x-raw,width={width},height={height},framerate={fps}/1"
        f" ! x264enc {speed} key-int-max={key_frames} ! video/x-h264,profile={'main' if bframes else 'baseline'}"
        f" ! rtph264pay config-interval=1 {PAYLOAD} )"
    )


def protect(
    server: GstRtspServer.RTSPServer, factory: GstRtspServer.RTSPMediaFactory, user: str, password: str
) -> None:
    """Ask every client for `user` and `password` (basic authentication)."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role("viewer")
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("path", nargs="?", default="cam", help="without the leading /")
    parser.add_argument("--file", type=Path, help="a clip to serve; without it, a live test picture")
    parser.add_argument("--codec", choices=CODECS, default="h264", help="of --file")
    parser.add_argument("--sound", choices=SOUNDS, help="in --file")
    parser.add_argument("--main", metavar="SIZE", help="show --file live, at PATH in --size, and at PATH/main in this")
    parser.add_argument("--pattern", default="smpte", help="of the live picture, a name videotestsrc knows")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--bframes", type=int, default=0, help="frames that are coded after the one that follows them")
    parser.add_argument("--key-frames", type=int, help="one key frame among this many; by default one a second")
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input is closed")
    parser.add_argument("--check", action="store_true", help="only say, by exit code, whether it could serve")
    return parser.parse_args()


def main() -> int:
    """Serve until a signal, or until the parent is gone."""
    args = arguments()
    Gst.init(None)
    lacking = [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]
    if args.check or lacking:
        print(f"lacks GStreamer elements: {', '.join(lacking)}" if lacking else "can serve", file=sys.stderr)
        return 1 if lacking else 0

    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    factory = GstRtspServer.RTSPMediaFactory()
    if args.main:
        shown = Gst.parse_launch(seen(args.file))
        main_stream = GstRtspServer.RTSPMediaFactory()
        main_stream.set_launch(one_of_two(args.main, args.fps))
        main_stream.set_shared(True)
        main_stream.connect("media-configure", lambda *_: shown.set_state(Gst.State.PLAYING))
        server.get_mount_points().add_factory(f"/{args.path}/main", main_stream)
    factory.set_launch(
        one_of_two(args.size, args.fps)
        if args.main
        else clip(args.file, args.codec, args.sound)
        if args.file
        else live(args.pattern, args.size, args.fps, args.bframes, args.key_frames or args.fps)
    )
    factory.set_shared(args.file is None or bool(args.main))
    if args.user:
        protect(server, factory, args.user, args.password)
    server.get_mount_points().add_factory(f"/{args.path}", factory)
    if server.attach(None) == 0:
        print(f"cannot listen on 127.0.0.1:{args.port}", file=sys.stderr)
        return 1

    loop = GLib.MainLoop()
    if args.with_parent:
        GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_HUP, lambda *_: loop.quit())
    print(f"ready {server.get_bound_port()}", flush=True)
    loop.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
