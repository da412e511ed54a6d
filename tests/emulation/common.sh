# Shared by the scripts of this folder: where things are kept, Debian packages, private downloads. Sourced, not run.

# Everything that the emulation needs and the system lacks is installed here: outside the source tree, removable at any time.
EMULATION_DIR=${EIGHTBIT_EMULATION_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/eightbit-emulation}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
    echo "error: $*" >&2
    exit 1
}

# Mirrors fail now and then.
retry() {
    local try
    for try in 1 2 3; do
        "$@" && return
        echo "try $try of 3 failed: $1 ${*: -2}" >&2
        sleep $((try * 5))
    done
    return 1
}

# Installs the Debian packages that are missing.
system_packages() {
    local missing=() package
    for package; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" = 0 ] || die "as root, run: apt-get install ${missing[*]}"
    retry apt-get -qq update
    DEBIAN_FRONTEND=noninteractive retry apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# The address of the mirror that the system uses for this codename.
mirror() {
    local site
    site=$(apt-get indextargets --format '$(SITE)' "Codename: $1" | head -n 1)
    [ -n "$site" ] || die "apt has no source for $1: these scripts are for Debian 12 (bookworm) on x86-64"
    echo "$site"
}

# private_apt STATE COMMAND ARGUMENTS…: apt with the sources in STATE/sources.list; the system's own state is untouched.
private_apt() {
    local state=$1 command=$2
    shift 2
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    "$command" -q -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" -o Dir::State::status=/dev/null \
        -o APT::Sandbox::User=root -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
        -o Acquire::Languages=none -o Acquire::Retries=3 -o Debug::NoLocking=1 "$@"
}

# The versions of PACKAGE:ARCHITECTURE in the sources of STATE, newest first; a third argument selects the suite.
private_versions() {
    private_apt "$1" apt-cache madison "$2" | awk -F'|' -v suite="${3:-}" '$3 ~ suite { gsub(/ /, "", $2); print $2 }' |
        sort -Vru
}
