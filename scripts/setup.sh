#!/bin/sh
# Make the virtual environment and install: setup.sh VENV core|serve|studio|dev
# Needs nothing but Python 3.11 or newer; says beforehand what it will download.
set -eu

venv=$1
what=$2
python=${PYTHON:-python3}
index=https://download.pytorch.org/whl/cpu
case $what in
    core) size=500 has= ;;
    serve) size=500 has=core ;;
    studio) size=550 has="core serve" ;;
    dev) size=570 has="core serve studio" ;;
    *)
        echo "what to install is core, serve, studio or dev (got '$what')" >&2
        exit 2
        ;;
esac

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "mutoscope needs Python 3.11 or newer as '$python' (got $("$python" --version 2>&1 || true));" \
        "install one and name it: make PYTHON=python3.12 ..." >&2
    exit 2
}

# Where ensurepip is missing, or after Ctrl-C, there is a Python without pip.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv "$venv" || {
        echo "Python can't make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2
        exit 2
    }
fi

torch() {
    "$venv/bin/python" -c 'import torch' 2>/dev/null
}

reachable() {
    "$venv/bin/python" - "$index/" <<'PY' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=4)
PY
}

extra=
if ! torch; then
    if reachable; then
        extra="--extra-index-url $index"
        echo "Installing into $venv: about $size MB to download, torch's CPU build among them."
    elif [ "$(uname -s)" = Linux ]; then
        echo "Installing into $venv: $index can't be reached, so torch comes from where pip looks by" \
            "itself; about $size MB to download if that is a CPU build, some 3 GB if it is PyPI's."
    else
        echo "Installing into $venv: about $size MB to download."
    fi
fi

target=.
[ "$what" = core ] || target=".[$what]"
# shellcheck disable=SC2086  (an empty $extra must vanish)
"$venv/bin/python" -m pip install --disable-pip-version-check $extra \
    --constraint constraints.txt --editable "$target"
for one in $what $has; do
    touch "$venv/.$one"
done
