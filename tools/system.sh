#!/bin/sh
# The system packages that some tests and tools use: `install` gets them (root, Debian), `missing` names them.
# `install peers` gets instead what `make bench` compares with.
set -u

# package | a file or program that proves it | what is not done without it
needs() {
    cat <<'TABLE'
dovecot-core|/usr/sbin/dovecot|fetching from a real mail server (Dovecot)
dovecot-pop3d|/usr/lib/dovecot/pop3|fetching over POP3 from Dovecot
dovecot-imapd|/usr/lib/dovecot/imap|fetching over IMAP from Dovecot
dovecot-submissiond|/usr/lib/dovecot/submission|sending through a real mail server (Dovecot)
chromium|chromium|the tests in a browser, and the screenshots
gettext|msgfmt|the check that the catalogs are complete and compiled
openssl|openssl|the tests that make certificates
fonts-inter|/usr/share/doc/fonts-inter|the typeface of the screenshots
fonts-noto-cjk|/usr/share/doc/fonts-noto-cjk|Chinese, Japanese and Korean mail in screenshots
TABLE
}

peers() {
    cat <<'TABLE'
mpop|mpop|comparing with mpop
fetchmail|fetchmail|comparing with fetchmail
getmail6|getmail|comparing with getmail6
TABLE
}

present() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing() {
    "$list" | while IFS='|' read -r package proof purpose; do
        present "$proof" || printf '%s|%s\n' "$package" "$purpose"
    done
}

install() {
    packages=$(missing | cut -d '|' -f 1 | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ "${SYSTEM_PACKAGES:-1}" = 0 ]; then
        return 0 # `make test` names them at its end
    fi
    echo "Installing system packages: $packages..."
    # Dovecot is run by the tests on their own ports; the package must not start one for the whole machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT INT TERM
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086  # a list of words
    if { apt-get -q update && apt-get -q install -y --no-install-recommends $packages; } >"$log" 2>&1; then
        case $packages in
        *dovecot-core*) systemctl --quiet disable dovecot.service dovecot.socket >/dev/null 2>&1 || true ;;
        esac
    else
        tail -n 5 "$log" >&2
        echo "Some system packages could not be installed; what uses them is left out." >&2
    fi
    rm -f "$log"
}

list=${2:-needs}
"$1"
