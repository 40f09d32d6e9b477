#!/usr/bin/env bash
# Makes or refreshes .venv: `setup.sh run` for the daemon alone, `setup.sh dev` for tests and checks too.
# The Makefile calls it; the files .venv/run and .venv/dev mark what has been set up.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt.sh
. tools/venv.sh
name=set-up venv=.venv

# Prefer the system's Python, which the service uses too: distributions build it with profile-guided optimisation.
# Locally compiled ones, as by pyenv, usually lack it and process 5 % fewer frames per second.
find_python() {
    local candidate found=''
    if [ -n "${PYTHON:-}" ]; then
        command -v "$PYTHON" >/dev/null || die "there is no $PYTHON"
        recent "$PYTHON" || die "edge-daemon needs Python 3.11 or newer, and $PYTHON is $("$PYTHON" -V 2>&1)"
        echo "$PYTHON"
        return
    fi
    for candidate in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do
        recent "$candidate" || continue
        found=${found:-$candidate}
        if has_venv "$candidate"; then
            found=$candidate
            break
        fi
    done
    if [ -n "$found" ]; then
        echo "$found"
        return
    fi
    if command -v python3 >/dev/null; then
        die "edge-daemon needs Python 3.11 or newer, and python3 here is $(python3 -V 2>&1)." \
            "Install a newer one, or name it: make setup PYTHON=/path/to/python3.11"
    fi
    die "there is no python3 here. On Debian type: apt-get install python3 python3-venv"
}

make_venv() {
    if [ -e .venv ]; then
        .venv/bin/python -m pip --version >/dev/null 2>&1 && recent .venv/bin/python && return
        say "the existing .venv does not work; making a new one"
    fi
    local python
    python=$(find_python)
    need_venv "$python"
    say "making .venv with $("$python" -V) ($python)"
    "$python" -m venv --clear .venv || die "$python could not make .venv; its output is above"
}

main() {
    local what=${1:-run} target
    case $what in
    run) target=. ;;
    dev) target='.[dev]' ;;
    *) die "expected 'run' or 'dev', not '$what'" ;;
    esac
    make_venv
    rm -f .venv/run .venv/dev .venv/setup.log
    say "installing the Python packages into .venv (about 200 MB the first time)"
    # Modules are compiled when they are first imported; most of those installed never are.
    pip install --no-compile --editable "$target" || pip_failed "install the packages"
    need_cv2
    pwd -P >.venv/checkout
    touch .venv/run
    if [ "$what" = dev ]; then touch .venv/dev; fi
    say "done"
}

main "$@"
