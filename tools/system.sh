#!/bin/sh
# The system packages that some tests and tools use: `install` gets them (root, Debian), `missing` names them.
# `install peers` gets instead what `make bench` compares with.
set -u

# Mail servers that Debian lets nobody install beside each other: unpacked here, and never started by the system.
servers=/usr/local/lib/mailhub/servers

# package | a file or program that proves it | what is not done without it
needs() {
    cat <<TABLE
dovecot-core|/usr/sbin/dovecot|fetching from a real mail server (Dovecot)
dovecot-pop3d|/usr/lib/dovecot/pop3|fetching over POP3 from Dovecot
dovecot-imapd|/usr/lib/dovecot/imap|fetching over IMAP from Dovecot
dovecot-submissiond|/usr/lib/dovecot/submission|sending through a real mail server (Dovecot)
courier-pop|$servers/courier-pop|fetching from a real mail server (Courier; as root only)
popa3d|$servers/popa3d|fetching from a real mail server (popa3d; as root only)
mailutils-pop3d|$servers/mailutils-pop3d|fetching from a real mail server (GNU mailutils; as root only)
chromium|chromium|the tests in a browser, and the screenshots
gettext|msgfmt|the check that the catalogs are complete and compiled
openssl|openssl|the tests that make certificates
fonts-inter|/usr/share/doc/fonts-inter|the typeface of the screenshots
fonts-noto-cjk|/usr/share/doc/fonts-noto-cjk|Chinese, Japanese and Korean mail in screenshots
TABLE
}

# package | what else belongs into its folder | the libraries it needs
beside() {
    cat <<'TABLE'
courier-pop|courier-base courier-authlib|libcourier-unicode4 libgdbm6 libgnutls30 libidn12 libltdl7 libpam0g
popa3d||libpam0g
mailutils-pop3d||libmailutils9 libmu-dbm9
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
    "$servers"/*) [ -e "$1" ] && [ "$(id -u 2>/dev/null)" = 0 ] ;;
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing() {
    "$list" | while IFS='|' read -r package proof purpose; do
        present "$proof" || printf '%s|%s\n' "$package" "$purpose"
    done
}

# Package, others, libraries: the packages' files into a folder, which is there only once it is complete.
unpack() {
    mkdir -p "$servers" && work=$(mktemp -d "$servers/.$1-XXXXXX") || return
    # shellcheck disable=SC2086  # lists of words
    (
        chmod 755 "$work" && cd "$work" && mkdir files &&
            apt-get -q install -y --no-install-recommends $3 && apt-get -q download "$1" $2 || exit
        for archive in *.deb; do
            dpkg-deb --extract "$archive" files || exit
        done
        mv files "$servers/$1"
    )
    done=$?
    rm -rf "$work"
    return "$done"
}

fetch() {
    apt-get -q update || return
    # shellcheck disable=SC2086  # a list of words
    [ -z "$1" ] || apt-get -q install -y --no-install-recommends $1 || return
    beside | while IFS='|' read -r package others libraries; do
        case " $2 " in
        *" $package "*) unpack "$package" "$others" "$libraries" </dev/null || exit ;;
        esac
    done
}

install() {
    packages='' apart=''
    for package in $(missing | cut -d '|' -f 1); do
        if beside | grep -q "^$package|"; then
            apart="$apart $package"
        else
            packages="$packages $package"
        fi
    done
    [ -n "$packages$apart" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ "${SYSTEM_PACKAGES:-1}" = 0 ]; then
        return 0 # `make test` names them at its end
    fi
    echo "Installing system packages:$packages$apart..."
    # Dovecot is run by the tests on their own ports; the package must not start one for the whole machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT INT TERM
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if fetch "$packages" "$apart" >"$log" 2>&1; then
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
