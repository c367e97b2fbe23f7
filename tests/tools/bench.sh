#!/usr/bin/env bash
# Mails of 4 KB in 20 sessions from Postfix's smtp-source (with -d: sessions are kept) into Postel, from
# accepted to sent on the handset, and into Postfix's smtp-sink, which keeps nothing: the upper bound.
# Three runs each, taken in turn; the median counts. Loopback only; stops what it starts.
#   usage: bench.sh [MAILS]
set -euo pipefail
mails=${1:-5000}
here=$(cd "$(dirname "$0")/../.." && pwd)
postel=$here/target/release/postel
PATH=/usr/sbin:$PATH
folder=$(mktemp -d "$here/target/bench.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null; rm -rf "$folder"' EXIT

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
up() { for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return; sleep 0.1; done; echo "nothing listens on $1" >&2; exit 1; }
now() { date +%s.%N; }
rate() { python3 -c "print(round($1 / ($3 - $2)))"; }
median() { printf '%s\n' "$@" | sort -n | sed -n 2p; }
source_to() { smtp-source -c -d -s 20 -m "$mails" -l 4096 -f ann@company.example -t 0612345678@sms.example.com "inet:127.0.0.1:$1" >/dev/null; }

smtp=$(port) web=$(port) sink=$(port)
export POSTEL_GATEWAY_DOMAINS=sms.example.com POSTEL_GATEWAY_DATA=$folder/data POSTEL_SMTP_LISTEN=127.0.0.1:$smtp
export POSTEL_WEB_LISTEN=127.0.0.1:$web POSTEL_LOG_LEVEL=error POSTEL_OPERATOR_PARTS_PER_DAY=100000000
export POSTEL_OPERATOR_PARTS_PER_ACCOUNT_DAY=100000000 POSTEL_OPERATOR_PARTS_PER_ACCOUNT_MONTH=100000000
"$postel" account add bench >/dev/null
"$postel" user add bench ann@company.example >/dev/null
"$postel" user accept bench ann@company.example >/dev/null
"$postel" network add bench 127.0.0.0/8 >/dev/null
"$postel" limits set bench --user-hour 100000000 --number-hour 100000000 --day 100000000 --month 100000000 >/dev/null
"$postel" serve >/dev/null 2>"$folder/log" & pids+=($!)
server=$!
# As root it wants to know whom to become.
whom=(); [ "$(id -u)" = 0 ] && whom=(-u nobody)
smtp-sink "${whom[@]}" "127.0.0.1:$sink" 1000 >/dev/null & pids+=($!)
up "$smtp"; up "$sink"

sent() { python3 - "$folder/data/postel.sqlite" <<'P'
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM ledger WHERE state = 'sent'").fetchone()[0])
P
}

accepted=() through=() bound=()
for run in 1 2 3; do
    from=$(now); source_to "$sink"; bound+=("$(rate "$mails" "$from" "$(now)")")
    from=$(now); source_to "$smtp"; accepted+=("$(rate "$mails" "$from" "$(now)")")
    until [ "$(sent)" -ge $((run * mails)) ]; do sleep 0.2; done
    through+=("$(rate "$mails" "$from" "$(now)")")
    echo "run $run: accepted and durable ${accepted[-1]}/s, sent and ledgered ${through[-1]}/s, smtp-sink ${bound[-1]}/s"
done
a=$(median "${accepted[@]}") t=$(median "${through[@]}") b=$(median "${bound[@]}")
echo "median of $mails mails: accepted $a/s, sent $t/s, smtp-sink $b/s; accepted : smtp-sink = $(python3 -c "print(round($a / $b, 2))")"
grep -E 'VmHWM|VmRSS' "/proc/$server/status"
