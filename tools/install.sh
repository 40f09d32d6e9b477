#!/usr/bin/env bash
# Installs or upgrades the service, as root: `make install`. `make uninstall` (install.sh --remove) removes it except
# for its configuration and state; with PURGE=1 those and its user too. With EXTRAS=gpu (or openvino) another build of ONNX
# Runtime is installed, by later upgrades too, until EXTRAS=none. With DESTDIR=/folder all files go below that
# folder, and the running system is not changed.
set -euo pipefail
umask 022 # the service's user must be able to read what root installs
cd "$(dirname "$0")/.."
. tools/apt.sh
. tools/venv.sh
. tools/extras.sh

dest=${DESTDIR:-}
prefix=/opt/edge-daemon
configuration=/etc/edge-daemon
state=/var/lib/edge-daemon
unit=/etc/systemd/system/edge-daemon.service
sysusers=/etc/sysusers.d/edge-daemon.conf
command=/usr/local/bin/edge-daemon
name=install
# Built beside the one in use, which it replaces when it works: a failed upgrade changes nothing.
venv=$dest$prefix.new

# here: the running system is installed to. booted: it runs systemd.
here() { [ -z "$dest" ]; }
booted() { here && [ -d /run/systemd/system ]; }

may() {
    here || return 0
    [ "$(id -u)" = 0 ] || die "this changes the system: run it as root (sudo make $1)"
}

find_python() {
    local python=${PYTHON:-/usr/bin/python3} real
    real=$(readlink -f "$(command -v "$python")") || die "there is no $python; on Debian: apt-get install python3"
    recent "$python" || die "edge-daemon needs Python 3.11 or newer, and $python is $("$python" -V 2>&1)"
    case $real in
    /home/* | /root/*) die "the service could not run $real: home folders are hidden from it. Name another: PYTHON=..." ;;
    esac
    echo "$python"
}

make_program() {
    local python
    python=$(find_python)
    need_venv "$python"
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    say "installing the program into $dest$prefix (about 200 MB the first time)"
    "$python" -m venv "$venv" || die "$python could not make $venv; its output is above"
    pip install --no-compile '.[mqtt,nats,kafka]' || pip_failed "install the packages"
    need_cv2
    install_extra "$1"
    # The first line of scripts is the path of their Python, which is about to change.
    sed -i "1s|^#!$venv/|#!$prefix/|" "$venv/bin/edge-daemon" "$venv"/bin/pip*
    "$venv/bin/python" -m edge_daemon --version >&2
}

put_in_place() {
    rm -rf "$dest$prefix.old"
    if [ -e "$dest$prefix" ]; then mv "$dest$prefix" "$dest$prefix.old"; fi
    mv "$venv" "$dest$prefix"
    rm -rf "$dest$prefix.old"
    [ -n "${PYTHONDONTWRITEBYTECODE:-}" ] ||
        "$dest$prefix/bin/python" -m compileall -q -f -x '/tests?/' -s "$dest" "$dest$prefix/lib" >/dev/null ||
        true # a few are templates
    mkdir -p "$dest${command%/*}"
    ln -sfn "$prefix/bin/edge-daemon" "$dest$command"
}

put_files() {
    install -D -m 0644 systemd/edge-daemon.service "$dest$unit"
    install -D -m 0644 systemd/edge-daemon.sysusers "$dest$sysusers"
    if here; then systemd-sysusers "$sysusers"; fi
    install -d -m 0755 "$dest$configuration"
    install -d -m 0700 "$dest$configuration/secrets"
    if [ ! -e "$dest$configuration/config.yaml" ]; then
        install -m 0640 configs/demo.yaml "$dest$configuration/config.yaml"
        if here; then chgrp edge-daemon "$configuration/config.yaml"; fi
    fi
}

install_all() {
    may install
    local extra
    extra=$(wanted_extra "$dest$configuration/extras")
    make_program "$extra"
    put_in_place
    put_files
    remember_extra "$extra" "$dest$configuration/extras"
    if booted; then
        systemctl daemon-reload
        if systemctl is-active --quiet edge-daemon; then
            say "restarting the service"
            systemctl restart edge-daemon
        fi
    fi
    cat >&2 <<END
install: done. Next, as root:
  edit $configuration/config.yaml                        your cameras and models (initially a generated street)
  edit $configuration/secrets/NAME                       the value of \${NAME} in it
  CREDENTIALS_DIRECTORY=$configuration/secrets edge-daemon check
                                                           check it
  systemctl enable --now edge-daemon                       start it now and at boot
  systemctl status edge-daemon; journalctl -fu edge-daemon status and log
END
}

remove_all() {
    name=uninstall
    may uninstall
    if booted; then systemctl disable --now --quiet edge-daemon 2>/dev/null || true; fi
    rm -rf "$dest$unit" "$dest$sysusers" "$dest$prefix" "$dest$prefix.new" "$dest$prefix.old"
    if [ "$(readlink "$dest$command")" = "$prefix/bin/edge-daemon" ]; then rm "$dest$command"; fi
    if booted; then systemctl daemon-reload; fi
    if [ "${PURGE:-}" != 1 ]; then
        say "done; $configuration and $state are kept (PURGE=1 removes them too)"
        return
    fi
    rm -rf "$dest$configuration" "$dest$state" "$dest$unit.d"
    if here && id -u edge-daemon >/dev/null 2>&1; then userdel edge-daemon; fi
    say "done; everything is removed"
}

case ${1:-} in
'') install_all ;;
--remove) remove_all ;;
*) die "expected no argument, or --remove" ;;
esac
