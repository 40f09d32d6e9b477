#!/usr/bin/env bash
# Makes or refreshes .venv: `setup.sh run` for the daemon alone, `setup.sh dev` for tests and checks too.
# The Makefile calls it; the files .venv/run and .venv/dev say what has been set up.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh

say() { printf 'set-up: %s\n' "$*" >&2; }
die() {
    printf 'set-up: %s\n' "$@" >&2
    exit 1
}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && recent "$name"; then
            command -v "$name"
            return
        fi
    done
    if command -v python3 >/dev/null; then
        die "edge-daemon needs Python 3.11 or newer, and python3 here is $(python3 -V 2>&1)." \
            "Install a newer one, or name it: make setup PYTHON=/path/to/python3.11"
    fi
    die "there is no python3 here. On Debian type: apt-get install python3 python3-venv"
}

# Debian keeps what `python3 -m venv` needs in a package of its own.
need_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if apt_allowed; then
        say "installing $package, which Python needs to make .venv"
        apt_install "$package" || true
        "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    fi
    die "$1 cannot make virtual environments. On Debian type, as root:" "  apt-get install $package"
}

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@" >>.venv/setup.log 2>&1; }

pip_failed() {
    if grep -qE 'NameResolutionError|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Connection (refused|reset)|Network is unreachable' .venv/setup.log; then
        die "the Python packages could not be fetched: this machine has no way to the package index." \
            "Connect it (or set pip's proxy or index-url), and run the same command again."
    fi
    tail -n 15 .venv/setup.log >&2
    die "pip could not $1; its last lines are above, all of them in .venv/setup.log"
}

make_venv() {
    if [ -e .venv ]; then
        .venv/bin/python -m pip --version >/dev/null 2>&1 && recent .venv/bin/python && return
        say "the .venv that is here does not work; making it anew"
    fi
    local python
    python=$(find_python)
    need_venv "$python"
    say "making .venv with $("$python" -V)"
    "$python" -m venv --clear .venv || die "$python could not make .venv; what it says is above"
}

# opencv-python is linked to libGL and GLib, which a Debian without a desktop lacks. They are installed
# where that is allowed; elsewhere the build without windows takes its place: the same module without those
# libraries, and the daemon opens no windows. (`pip check` then misses opencv-python by name.)
need_cv2() {
    local error version
    error=$(.venv/bin/python -c 'import cv2' 2>&1) && return
    if [[ $error != *"cannot open shared object file"* ]]; then
        die "OpenCV was installed but cannot be imported:" "$error"
    fi
    if apt_allowed; then
        say "installing libgl1 and libglib2.0-0, which OpenCV needs and this system lacks"
        if apt_install libgl1 libglib2.0-0 && .venv/bin/python -c 'import cv2' 2>/dev/null; then
            return
        fi
    fi
    say "this system lacks libraries of opencv-python; taking opencv-python-headless in its place"
    version=$(.venv/bin/python -c 'from importlib.metadata import version; print(version("opencv-python"))')
    pip uninstall --yes opencv-python || pip_failed "remove opencv-python"
    # Forced: both packages own the same files, and an earlier set-up may have left this one half overwritten.
    pip install --force-reinstall --no-deps "opencv-python-headless==$version" ||
        pip_failed "install opencv-python-headless"
    error=$(.venv/bin/python -c 'import cv2' 2>&1) ||
        die "OpenCV cannot be imported:" "$error" \
            "On Debian type, as root: apt-get install libgl1 libglib2.0-0"
}

main() {
    local what=${1:-run} target
    case $what in
    run) target=. ;;
    dev) target='.[dev]' ;;
    *) die "say 'run' or 'dev', not '$what'" ;;
    esac
    make_venv
    rm -f .venv/run .venv/dev .venv/setup.log
    say "installing the Python packages into .venv (the first time this fetches some 200 MB)"
    pip install --editable "$target" || pip_failed "install the packages"
    need_cv2
    pwd -P >.venv/checkout
    touch .venv/run
    if [ "$what" = dev ]; then touch .venv/dev; fi
    say "done"
}

main "$@"
