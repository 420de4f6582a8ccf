#!/bin/sh
# Installs sandbox for this user; `./install.sh --help` says how. Plain POSIX sh.
set -eu

usage() {
    cat <<'END'
usage: ./install.sh [--demo | --test | --uninstall] [ARGUMENT…]

  (nothing)     install sandbox for this user, or upgrade it
  --demo        install, then start the bakery sample
  --test        set up a development environment and run every check; ARGUMENTs go to pytest
  --uninstall   stop what runs and remove every trace

Needs Python 3.11 or newer, and neither root nor Docker. SANDBOX_PYTHON=/path/to/python chooses the Python.
Settings of pip and uv (PIP_*, UV_*), proxies and SSL_CERT_FILE are honoured.
END
}

say() { printf '%s\n' "$*"; }

fail() { # what, next step
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# Run a command quietly and say how long it took; show what it printed only when it fails.
step() { # label, command…
    label=$1
    shift
    printf '%s … ' "$label"
    began=$(date +%s)
    if "$@" >"$work/output" 2>&1 </dev/null; then
        printf '%s s\n' "$(($(date +%s) - began))"
    else
        code=$?
        printf 'failed\n'
        tail -n 40 "$work/output" >&2
        return "$code"
    fi
}

# --- places -------------------------------------------------------------------------------------------------------

[ -n "${HOME:-}" ] || fail 'HOME is not set' 'set it to your home folder'
checkout=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
data=${XDG_DATA_HOME:-$HOME/.local/share}/sandbox   # versions/<one>/ each with an environment; current -> one of them
state=${SANDBOX_HOME:-${XDG_STATE_HOME:-$HOME/.local/state}/sandbox}
link=$HOME/.local/bin/sandbox
unset PYTHONPATH PYTHONHOME

# --- one at a time, and nothing half done -------------------------------------------------------------------------

work=''
fresh=''
locked=''

begin() {
    mkdir -p "$data"
    (umask 077 && mkdir -p "$state")
    lock
    work=$(mktemp -d)
}

lock() {
    tries=0
    until mkdir "$data/lock" 2>/dev/null; do
        owner=$(cat "$data/lock/pid" 2>/dev/null || :)
        if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
            rm -rf "$data/lock" # it was killed
        fi
        tries=$((tries + 1))
        [ "$tries" -lt 3 ] || fail "another install is running${owner:+ (pid $owner)}" \
            "wait for it; if there is none, remove $data/lock"
        sleep 1
    done
    echo $$ >"$data/lock/pid"
    locked=yes
}

unlock() {
    [ -z "$locked" ] || rm -rf "$data/lock"
    locked=''
    rmdir "$data" 2>/dev/null || : # nothing was installed
}

tidy() {
    [ -z "$work" ] || rm -rf "$work"
    [ -z "$fresh" ] || rm -rf "$fresh"
    work='' fresh=''
    unlock
}

trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- python, and uv to install with -------------------------------------------------------------------------------

find_python() {
    if [ -n "${SANDBOX_PYTHON:-}" ]; then
        usable "$SANDBOX_PYTHON" || fail "SANDBOX_PYTHON=$SANDBOX_PYTHON is not a usable Python 3.11 or newer"
        return
    fi
    for name in python3 python3.13 python3.12 python3.11 python3.14 python "$HOME"/.pyenv/versions/3.1[1-4]*/bin/python3 \
        /usr/local/bin/python3 /opt/homebrew/bin/python3 /usr/bin/python3; do
        ! usable "$name" || return 0
    done
    fail 'no Python 3.11 or newer was found' 'install one (such as: sudo apt install python3), or set SANDBOX_PYTHON'
}

usable() {
    python=$("$1" -c 'import sys, ssl, sqlite3, zlib
if sys.version_info >= (3, 11): print(sys.executable)' 2>/dev/null) && [ -n "$python" ]
}

find_uv() {
    if works "$data/current/bin/uv"; then
        uv=$data/current/bin/uv
    elif works uv; then
        uv=uv
    else
        uv=$work/tools/bin/uv
        step 'fetching the installer' fetch_uv || fail 'uv could not be installed' \
            'check the network and proxy settings; or install uv, or pip (such as: sudo apt install python3-venv)'
    fi
}

# Recent enough to know --default-index, which came with 0.4.23.
works() { "$1" pip install --help 2>/dev/null | grep -q -e --default-index; }

# Only ever into our own folder, so that a Python that forbids pip (PEP 668) has nothing to object to.
fetch_uv() {
    uv_by "$python" -m pip || uv_by_venv || uv_by_debian
}

uv_by() { # pip command…
    "$@" install --quiet --disable-pip-version-check --target "$work/tools" uv
}

uv_by_venv() {
    "$python" -m venv "$work/venv" && uv_by "$work/venv/bin/python" -m pip
}

# Debian's and Ubuntu's bare Python has neither pip nor venv. Their pip can be unpacked without root.
uv_by_debian() (
    mkdir -p "$work/debian/lists/partial" "$work/debian/archives/partial" && cd "$work/debian" &&
        { apt-get download python3-pip-whl || fetch_lists_and_pip; } &&
        dpkg-deb -x python3-pip-whl_*.deb . &&
        pip=$(echo usr/share/python-wheels/pip-*.whl) &&
        uv_by "$python" "$pip/pip" # Python runs what is inside a zip file
)

fetch_lists_and_pip() {
    set -- -o "Dir::State::lists=$work/debian/lists" -o "Dir::Cache=$work/debian"
    apt-get "$@" update && apt-get "$@" download python3-pip-whl
}

# uv does not read pip's settings: carry over those that say where packages come from.
carry_over_pip_settings() {
    "$python" -m pip config list >"$work/pip" 2>/dev/null || :
    [ -n "${UV_INDEX_URL:-}" ] || carry UV_DEFAULT_INDEX index-url
    carry UV_INDEX extra-index-url
    carry UV_INSECURE_HOST trusted-host
    carry UV_CONSTRAINT constraint
    carry SSL_CERT_FILE cert
    carry ALL_PROXY proxy
    case $(pip_setting no-index) in [1Tt]* | [Yy]*) export UV_NO_INDEX=1 ;; esac
    carry UV_FIND_LINKS find-links
    UV_FIND_LINKS=$(printf '%s' "${UV_FIND_LINKS:-}" | tr -s ' ' ',')
    export UV_FIND_LINKS
}

carry() { # uv's variable, pip's setting
    eval "[ -z \"\${$1:-}\" ]" || return 0
    value=$(pip_setting "$2")
    [ -z "$value" ] || export "$1=$value"
}

pip_setting() { # name; the environment (":env:") is listed first and wins
    sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" "$work/pip" | sed -n 1p
}

prepare() {
    begin
    find_python
    carry_over_pip_settings
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$state/cache/uv}" UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
    unset VIRTUAL_ENV
    find_uv
}

# --- install ------------------------------------------------------------------------------------------------------

install() {
    check_link
    prepare
    fresh=$data/versions/$(date +%Y%m%d%H%M%S)-$$
    step "installing with $("$python" -V)" build_environment || exit 1
    version=$("$fresh/bin/sandbox" --version) || fail 'the installed sandbox does not start' 'see the lines above'
    switch
    say "$version is in $data"
    say_path
    unlock
}

check_link() {
    case $(readlink "$link" 2>/dev/null || :) in
    "$data"/*) ;;
    *) ! [ -e "$link" ] || fail "$link belongs to something else" 'move it away, then run this again' ;;
    esac
}

build_environment() {
    "$uv" build --quiet --wheel --python "$python" --out-dir "$work/wheel" "$checkout" &&
        "$uv" venv --quiet --python "$python" "$fresh" &&
        "$uv" pip install --quiet --compile-bytecode --python "$fresh/bin/python" "$work"/wheel/*.whl
}

# From here on the new version is the installed one: one rename decides it.
switch() {
    ln -s "$fresh" "$data/current.$$"
    "$python" -c 'import os, sys; os.replace(*sys.argv[1:])' "$data/current.$$" "$data/current"
    installed=$fresh
    fresh=''
    mkdir -p "$HOME/.local/bin"
    ln -sf "$data/current/bin/sandbox" "$link"
    for old in "$data"/versions/*; do
        [ "$old" = "$installed" ] || in_use "$old" || rm -rf "$old"
    done
}

in_use() { # a project that runs keeps the version it was started with
    "$installed/bin/python" -c 'import sys, psutil
sys.exit(not any(sys.argv[1] in word for process in psutil.process_iter(["pid", "cmdline"])
    if process.pid != psutil.Process().pid for word in process.info["cmdline"] or ()))' "$1"
}

say_path() {
    command=sandbox
    case :$PATH: in *":$HOME/.local/bin:"*) return ;; esac
    # shellcheck disable=SC2088
    command='~/.local/bin/sandbox'
    # shellcheck disable=SC2016
    say 'note: ~/.local/bin is not on your PATH; add to your shell profile: export PATH="$HOME/.local/bin:$PATH"'
}

demo() {
    install
    tidy
    if [ -t 0 ] && [ -t 1 ]; then
        exec "$link" up bakery "$@"
    fi
    exec "$link" up bakery --detach "$@"
}

# --- uninstall ----------------------------------------------------------------------------------------------------

uninstall() {
    if [ -d "$data" ]; then
        lock
    fi
    stop_projects
    say "removing what is in $data and ${state}…"
    case $(readlink "$link" 2>/dev/null || :) in "$data"/*) rm -f "$link" ;; esac
    rm -rf "$data/versions" "$data/current" "$state/projects" "$state/cache" \
        "$state/tui.json" "$state/internal-error.txt"
    tidy
    rmdir "$data" "$state" 2>/dev/null || :
    say "removed sandbox, its projects' state and its cache"
    for left in "$data" "$state"; do
        [ ! -e "$left" ] || say "note: $left holds something else and was kept"
    done
}

stop_projects() {
    for project in "$state"/projects/*/; do
        if [ ! -d "$project" ] || [ ! -x "$data/current/bin/sandbox" ]; then
            continue
        fi
        say "stopping $(basename "$project")…"
        "$data/current/bin/sandbox" down --purge --project "$(basename "$project")" >/dev/null ||
            fail "project $(basename "$project") could not be stopped" 'nothing was removed; stop it, then run this again'
    done
}

# --- test ---------------------------------------------------------------------------------------------------------

run_tests() {
    prepare
    development=$checkout/.venv
    [ -w "$checkout" ] || development=$data/development
    step "setting up $development" build_development || exit 1
    unlock
    cd "$checkout"
    PATH=$development/bin:$PATH
    unset PYTHONDONTWRITEBYTECODE # the tests start Python a thousand times: compiling anew each time takes longer
    result=0
    step 'ruff check' ruff check || result=1
    step 'ruff format' ruff format --check || result=1
    step 'mypy' mypy || result=1
    say 'pytest'
    workers=$(python -c 'import os; print(min(4, 1 + (os.cpu_count() or 1)))') # one more than cores: tests wait a lot
    [ $# -gt 0 ] || set -- -n "$workers" --dist loadscope --no-loadscope-reorder
    python -m pytest "$@" || result=$?
    exit "$result"
}

build_development() {
    "$development/bin/python" -c '' 2>/dev/null ||
        "$uv" venv --quiet --clear --python "$python" "$development" || return
    "$uv" pip install --quiet --python "$development/bin/python" --editable "${checkout}[dev]"
}

# --- what was asked -----------------------------------------------------------------------------------------------

action=${1:-}
[ $# -eq 0 ] || shift
case $action in
'')
    install
    say "next: $command up bakery"
    ;;
--demo) demo "$@" ;;
--test) run_tests "$@" ;;
--uninstall) uninstall ;;
-h | --help) usage ;;
*)
    usage >&2
    exit 2
    ;;
esac
