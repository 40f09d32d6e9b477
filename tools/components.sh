#!/usr/bin/env bash
# Installs the real components that tests talk to: an RTSP server (GStreamer's, driven by tests/rtsp_server.py with
# Debian's own Python), what boots a systemd of its own, a browser, Prometheus' checker, and an MQTT broker. Without them those tests are skipped, and fail where CI=true.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh

# good and base: sources, demuxers and RTP; bad: parsers; ugly: the H.264 encoder of the live picture.
rtsp_server=(
    python3-gi gir1.2-gst-rtsp-server-1.0
    gstreamer1.0-plugins-{base,good,bad,ugly}
)
systemd_machine=(systemd-container dbus python3-venv)

browser=(chromium fonts-noto-core)
prometheus=(prometheus)
mosquitto=(mosquitto)

has_rtsp_server() { /usr/bin/python3 tests/rtsp_server.py --check 2>/dev/null; }
has_systemd_machine() {
    command -v systemd-nspawn >/dev/null && command -v dbus-daemon >/dev/null &&
        /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null
}

packages=()
command -v chromium >/dev/null || packages+=("${browser[@]}")
command -v promtool >/dev/null || packages+=("${prometheus[@]}")
command -v /usr/sbin/mosquitto >/dev/null || packages+=("${mosquitto[@]}")
has_rtsp_server || packages+=("${rtsp_server[@]}")
has_systemd_machine || packages+=("${systemd_machine[@]}")
if [ ${#packages[@]} = 0 ]; then
    echo "components: all are there"
    exit
fi
if ! apt_allowed; then
    echo "components: not allowed to install packages here. Type, as root:" >&2
    echo "  apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
fi
echo "components: installing ${packages[*]}"
apt_install "${packages[@]}"
has_rtsp_server
has_systemd_machine
