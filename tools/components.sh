#!/usr/bin/env bash
# Installs the real components that integration tests talk to: an RTSP server (GStreamer's, driven by
# tests/rtsp_server.py with Debian's own Python). Without it those tests are skipped, and fail where CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh

# good and base: sources, demuxers and RTP; bad: parsers; ugly: the H.264 encoder of the live picture.
packages=(
    python3-gi gir1.2-gst-rtsp-server-1.0
    gstreamer1.0-plugins-{base,good,bad,ugly}
)

if /usr/bin/python3 tests/rtsp_server.py --check 2>/dev/null; then
    echo "components: the RTSP server is there"
    exit
fi
if ! apt_allowed; then
    echo "components: not allowed to install packages here. Type, as root:" >&2
    echo "  apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
fi
echo "components: installing the RTSP server"
apt_install "${packages[@]}"
/usr/bin/python3 tests/rtsp_server.py --check
