# shellcheck shell=bash
# Sourced by the other scripts: installs system packages if this user may.

# True if packages can be installed without a password.
apt_allowed() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

# apt_install PACKAGE...: install them; quiet unless that fails.
apt_install() {
    local root=() log status=0
    [ "$(id -u)" = 0 ] || root=(sudo -n)
    log=$(mktemp)
    {
        "${root[@]}" apt-get update &&
            "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y --no-install-recommends "$@"
    } >"$log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || tail -n 5 "$log" >&2
    rm -f "$log"
    return "$status"
}
