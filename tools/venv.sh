# shellcheck shell=bash
# Sourced by setup.sh and install.sh: a virtual environment at $venv with this project in it. $name is the prefix of messages.
# Needs tools/apt.sh.

# shellcheck disable=SC2154 # set by the script that sources this
say() { printf '%s: %s\n' "$name" "$*" >&2; }
die() {
    printf "$name: %s\n" "$@" >&2
    exit 1
}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Debian has the requirements of `python3 -m venv` in a separate package.
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

need_venv() {
    has_venv "$1" && return
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if apt_allowed; then
        say "installing $package, which Python needs to make $venv"
        apt_install "$package" || true
        has_venv "$1" && return
    fi
    die "$1 cannot make virtual environments. On Debian type, as root:" "  apt-get install $package"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@" >>"$venv/setup.log" 2>&1; }

pip_failed() {
    if grep -qE 'NameResolutionError|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Connection (refused|reset)|Network is unreachable' "$venv/setup.log"; then
        die "the Python packages could not be downloaded: the package index cannot be reached." \
            "Connect this machine (or set pip's proxy or index-url), and run the same command again."
    fi
    tail -n 15 "$venv/setup.log" >&2
    die "pip could not $1; its last lines are above, the whole output is in $venv/setup.log"
}

# opencv-python is linked to libGL and GLib, which a Debian without a desktop lacks. They are installed if that is
# allowed; otherwise the build without windows is used: the same module without those libraries, and the daemon
# opens no windows. (`pip check` then reports opencv-python as missing.)
need_cv2() {
    local error version
    error=$("$venv/bin/python" -c 'import cv2' 2>&1) && return
    if [[ $error != *"cannot open shared object file"* ]]; then
        die "OpenCV was installed but cannot be imported:" "$error"
    fi
    if apt_allowed; then
        say "installing libgl1 and libglib2.0-0, which OpenCV needs"
        if apt_install libgl1 libglib2.0-0 && "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
            return
        fi
    fi
    say "this system lacks libraries of opencv-python; using opencv-python-headless instead"
    version=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("opencv-python"))')
    pip uninstall --yes opencv-python || pip_failed "remove opencv-python"
    # Forced: both packages own the same files, and an earlier set-up may have overwritten half of this one.
    pip install --force-reinstall --no-deps "opencv-python-headless==$version" ||
        pip_failed "install opencv-python-headless"
    error=$("$venv/bin/python" -c 'import cv2' 2>&1) ||
        die "OpenCV cannot be imported:" "$error" \
            "On Debian type, as root: apt-get install libgl1 libglib2.0-0"
}
