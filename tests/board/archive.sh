# A private apt beside the machine's own, for packages of other suites and architectures. Sourced:
#
#   archive_open DIR "SUITE..." "ARCHITECTURE..."
#   archive_get update
#   archive_get download PACKAGE:ARCHITECTURE
#
# It takes the Debian mirror that the machine's own sources name, and leaves the machine's lists
# alone.

archive_mirror() {
    local mirror
    mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | grep -v -e security -e '^$' | head -1)
    [ -n "$mirror" ] || { echo "no Debian mirror in /etc/apt/sources.list or sources.list.d/debian.sources" >&2; return 1; }
    echo "$mirror"
}

archive_open() {
    local dir=$1 suites=$2 architectures=$3 mirror suite
    mirror=$(archive_mirror)
    mkdir -p "$dir"/{etc/apt.conf.d,etc/preferences.d,etc/sources.list.d,state/lists/partial,cache/archives/partial}
    : >"$dir/state/status"
    for suite in $suites; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
    done >"$dir/etc/sources.list"
    cat >"$dir/apt.conf" <<CONF
Dir::Etc "$dir/etc";
Dir::State "$dir/state";
Dir::State::status "$dir/state/status";
Dir::Cache "$dir/cache";
APT::Architecture "amd64";
APT::Architectures { $(printf '"%s"; ' $architectures) };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false"; // signed is enough: mirrors and clocks of test machines lag
CONF
    archive_conf=$dir/apt.conf
}

archive_get() { APT_CONFIG=$archive_conf apt-get -qq "$@"; }
archive_cache() { APT_CONFIG=$archive_conf apt-cache "$@"; }
