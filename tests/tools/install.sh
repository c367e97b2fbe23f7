#!/usr/bin/env bash
# Brings what the tests need and the machine lacks: Debian packages where that is allowed, the
# rest into target/tools. Says what it does before it does it; names what it may not install.
#   usage: install.sh build|test
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:-test}
tools=$PWD/target/tools

missing() { ! command -v "$1" >/dev/null 2>&1 && [ ! -x "/usr/sbin/$1" ]; }

# Named with the command that brings them: never installed behind somebody's back.
if missing cargo; then
    echo "Rust is missing. Bring it with:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
    exit 1
fi

wanted=()
missing cc && wanted+=(gcc libc6-dev)
if [ "$what" = test ]; then
    missing swaks && wanted+=(swaks)
    perl -MNet::SSLeay -e1 2>/dev/null || wanted+=(libnet-ssleay-perl)
    missing smtp-source && wanted+=(postfix)
    missing systemd-analyze && wanted+=(systemd)
    missing chromium && wanted+=(chromium)
    missing node && wanted+=(nodejs)
    missing npm && wanted+=(npm)
    missing python3 && wanted+=(python3)
    python3 -c 'import ensurepip' 2>/dev/null || wanted+=(python3-venv)
fi
if [ ${#wanted[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Missing: ${wanted[*]} (Debian's names). Install them with your system's package manager, then try again." >&2
        exit 1
    fi
    if [ "$(id -u)" = 0 ]; then root=(); elif sudo -n true 2>/dev/null; then root=(sudo -n); else
        echo "Missing: ${wanted[*]}. Bring them with:  sudo apt-get install ${wanted[*]}" >&2
        exit 1
    fi
    echo "Installing Debian packages: ${wanted[*]}"
    log=$(mktemp)
    # Postfix is wanted for smtp-source alone: unconfigured and never started.
    if ! {
        "${root[@]}" apt-get update -q
        echo "postfix postfix/main_mailer_type select No configuration" | "${root[@]}" debconf-set-selections
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${wanted[@]}"
    } >"$log" 2>&1; then
        cat "$log" >&2
        echo "The packages could not be installed; what apt-get said stands above." >&2
        exit 1
    fi
    rm -f "$log"
fi
[ "$what" = test ] || exit 0

mkdir -p "$tools"
if [ ! -x "$tools/python/bin/moto_server" ]; then
    echo "Installing the AWS stand-in (moto, PyPI) into target/tools"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install -q --disable-pip-version-check 'moto[server]==5.2.5' boto3
fi
if ! "$tools/python/bin/python" -c 'import lxml' 2>/dev/null; then
    echo "Installing the XML schema validator (lxml, PyPI) into target/tools"
    "$tools/python/bin/pip" install -q --disable-pip-version-check lxml==6.1.3
fi
if [ ! -d "$tools/node/node_modules/@stoplight/prism-cli" ]; then
    echo "Installing the OpenAPI stand-in (prism, npm) into target/tools"
    mkdir -p "$tools/node"
    npm install --ignore-scripts --loglevel=error --no-audit --no-fund --prefix "$tools/node" @stoplight/prism-cli@5.14.2
fi
if ! "$tools/python/bin/python" -c 'import prometheus_client' 2>/dev/null; then
    echo "Installing a reader of Prometheus's format (prometheus-client, PyPI) into target/tools"
    "$tools/python/bin/pip" install -q --disable-pip-version-check 'prometheus-client==0.26.0'
fi
if [ ! -d "$tools/node/node_modules/playwright-core" ]; then
    echo "Installing the browser driver (playwright-core, npm) into target/tools"
    mkdir -p "$tools/node"
    npm install --loglevel=error --no-audit --no-fund --prefix "$tools/node" playwright-core@1.64.1
fi
