#!/usr/bin/env python3
"""Measures the one process as a whole: Postfix's smtp-source into Postel, a provider on loopback behind it.

  bench.py load [--mails N] [--runs N]   rates, latency, memory, start-up, fsyncs; beside Mailrise and smtp-sink
  bench.py grow [--mails N]              the same load with more accounts and with a million rows there already
  bench.py soak MINUTES                  half the top rate: memory flat, nothing left over, counts equal

Wants target/release/postel and target/release/load (`make bench` builds them). Works below target/, which must lie on
a real disk; binds loopback only; stops what it starts. Every mail comes from a listed network, so it is proven.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
POSTEL, LOAD = TARGET / "release/postel", TARGET / "release/load"
MAILRISE = ROOT / "target/tools/python-mailrise/bin/mailrise"
SENDER, RECIPIENT = "ann@company.example", "0612345678@sms.example.com"
SESSIONS = 20
# 4 KB as a monitor in a company writes them: a text of three parts, and the company's words below. No Message-ID and no Date:
# smtp-source sends the same octets each time, and the same message would become one text.
MAIL = f"From: <{SENDER}>\nTo: <{RECIPIENT}>\nSubject: Alarm\n\n" + (
    "The pump of station 4 has stopped; the level rises by 3 cm an hour.\n" * 5
) + "-- \n"
MAIL += "This mail is meant for whom it is addressed to, and for nobody else at all.\n" * ((4096 - len(MAIL)) // 77)
PLENTY = "100000000"
# Mailrise is slow; so many of its mails give a rate as steady as all of them would.
MAILRISE_MAILS = 1_000


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, done, seconds=60, pause=0.01):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return
        time.sleep(pause)
    sys.exit(f"gave up after {seconds} s: {what}")


def greeted(port):
    """Whether an SMTP server greets there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return s.recv(3) == b"220"
    except OSError:
        return False


def status(pid, field):
    """Kilobytes of /proc/PID/status as MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_of_ended():
    """Processor seconds of the children that have ended: of smtp-source."""
    used = os.times()
    return used.children_user + used.children_system


class Server:
    """A child process that is stopped at the end, whatever happens."""

    def __init__(self, stack, command, port, log, env=None, greets=True):
        self.port = port
        self.begun = time.monotonic()
        with open(log, "ab") as out:
            self.child = subprocess.Popen([str(c) for c in command], stdout=out, stderr=out, env=env)
        stack.callback(self.stop)
        if greets:
            wait_for(f"{command[0]} on port {port}, see {log}", lambda: greeted(port), pause=0.0005)
        self.ready = time.monotonic() - self.begun

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Provider(Server):
    """The provider on loopback."""

    def __init__(self, stack, folder):
        port = free_port()
        super().__init__(stack, [LOAD, f"127.0.0.1:{port}"], port, folder / "load.log", greets=False)
        wait_for("the provider", lambda: self.answers())

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("/count") is not None

    def ask(self, path, seconds=600):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds) as answer:
            return json.load(answer)

    def count(self):
        return self.ask("/count")

    def run(self, smtp, mails, rate, sessions=SESSIONS):
        return self.ask(f"/run?smtp=127.0.0.1:{smtp}&from={SENDER}&to={RECIPIENT}&mails={mails}&sessions={sessions}&rate={rate}", 7200)


class Postel:
    """One data folder and the processes on it."""

    def __init__(self, stack, folder, provider):
        self.stack, self.folder, self.data = stack, folder, folder / "data"
        self.port, web = free_port(), free_port()
        token = folder / "token"
        token.write_text("secret")
        token.chmod(0o600)
        self.env = os.environ | {
            "POSTEL_GATEWAY_DOMAINS": "sms.example.com",
            "POSTEL_GATEWAY_DATA": str(self.data),
            "POSTEL_SMTP_LISTEN": f"127.0.0.1:{self.port}",
            "POSTEL_WEB_LISTEN": f"127.0.0.1:{web}",
            "POSTEL_LOG_LEVEL": os.environ.get("POSTEL_LOG_LEVEL", "error"),
            "POSTEL_OPERATOR_PARTS_PER_DAY": PLENTY,
            "POSTEL_OPERATOR_PARTS_PER_ACCOUNT_DAY": PLENTY,
            "POSTEL_OPERATOR_PARTS_PER_ACCOUNT_MONTH": PLENTY,
            "POSTEL_SMS_PROVIDERS": "twilio",
            "POSTEL_TWILIO_URL": f"http://127.0.0.1:{provider.port}",
            "POSTEL_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "POSTEL_TWILIO_AUTH_TOKEN_FILE": str(token),
        }
        self.do("account", "add", "bench")
        self.do("user", "add", "bench", SENDER)
        self.do("user", "accept", "bench", SENDER)
        self.do("network", "add", "bench", "127.0.0.0/8")
        self.do("limits", "set", "bench", "--user-hour", PLENTY, "--number-hour", PLENTY, "--day", PLENTY, "--month", PLENTY)
        self.do("prefs", "set", "bench", "--sender-name", "Bench")

    def do(self, *words):
        subprocess.run([POSTEL, *words], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def serve(self, under=()):
        self.server = Server(self.stack, [*under, POSTEL, "serve"], self.port, self.folder / "postel.log", self.env)
        return self.server

    @property
    def pid(self):
        return self.server.child.pid

    def database(self):
        return sqlite3.connect(self.data / "postel.sqlite")

    def states(self):
        with contextlib.closing(self.database()) as db:
            return dict(db.execute("SELECT state, count(*) FROM ledger GROUP BY state"))

    def settled(self):
        """Whether every row has ended."""
        with contextlib.closing(self.database()) as db:
            sql = "SELECT count(*) FROM ledger WHERE state IN ('waiting', 'sending')"
            return db.execute(sql).fetchone()[0] == 0


def source(port, mails, keep, recipient=RECIPIENT, shape=None):
    """Sends mails with smtp-source; returns the seconds it took. `keep`: sessions are kept (-d)."""
    with tempfile.NamedTemporaryFile("w", suffix=".eml") as mail:
        mail.write(MAIL)
        mail.flush()
        command = ["smtp-source", *(["-d"] if keep else []), "-s", str(SESSIONS), "-m", str(mails), *(shape or ["-F", mail.name])]
        begun = time.monotonic()
        subprocess.run([*command, "-f", SENDER, "-t", recipient, f"inet:127.0.0.1:{port}"], check=True)
        return time.monotonic() - begun


def through(port, provider, mails, keep, recipient=RECIPIENT, shape=None):
    """Mails a second: accepted, and at the provider."""
    before, begun = provider.count(), time.monotonic()
    accepted = source(port, mails, keep, recipient, shape)
    wait_for("every mail at the provider", lambda: provider.count() - before >= mails, 600)
    return mails / accepted, mails / (time.monotonic() - begun)


def median(runs):
    return statistics.median(runs)


def rate(runs):
    return f"{median(runs):7,.0f}/s  ({', '.join(f'{r:,.0f}' for r in runs)})"


def smtp_sink(stack, folder):
    port = free_port()
    # As root it wants to know whom to become.
    whom = ["-u", "nobody"] if os.geteuid() == 0 else []
    return Server(stack, ["smtp-sink", *whom, f"127.0.0.1:{port}", "1000"], port, folder / "sink.log")


def mailrise(stack, folder, provider):
    if not MAILRISE.exists():
        print("Installing Mailrise 1.4.0 (PyPI) into target/tools")
        home = MAILRISE.parents[1]
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin/pip", "install", "-q", "--disable-pip-version-check", "mailrise==1.4.0"], check=True)
    port, config = free_port(), folder / "mailrise.yaml"
    config.write_text(
        f"listen: {{host: 127.0.0.1, port: {port}}}\n"
        f"configs: {{bench: {{urls: ['json://127.0.0.1:{provider.port}']}}}}\n"
    )
    return Server(stack, [MAILRISE, config], port, folder / "mailrise.log")


def start_up(postel, times=9):
    """Milliseconds from exec to the greeting, with what is in the folder."""
    found = []
    for _ in range(times):
        found.append(postel.serve().ready * 1000)
        postel.server.stop()
    return median(found)


def syncs(stack, folder, provider, mails):
    """Syncs of the disk in a run of their own, counted by the kernel's filter so that nothing else is slowed."""
    if not shutil.which("strace"):
        return None
    counted = Postel(stack, folder, provider)
    trace = folder / "strace"
    # -D: the traced process is the child that is stopped at the end, not its tracer.
    counted.serve(["strace", "-D", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", trace])
    before = trace.read_text().count("sync(")
    began = time.monotonic()
    through(counted.port, provider, mails, True)
    seconds = time.monotonic() - began
    after = trace.read_text().count("sync(")
    counted.server.stop()
    return (after - before) / seconds, (after - before) / mails


def load(stack, folder, options):
    provider = Provider(stack, folder)
    postel = Postel(stack, folder, provider)
    print(f"start-up, exec to greeting: fresh folder {start_up(postel):.1f} ms (goal: < 50)")
    postel.serve()
    sink, other = smtp_sink(stack, folder), mailrise(stack, folder, provider)
    time.sleep(2)
    print(f"resident at rest: Postel {status(postel.pid, 'VmRSS'):.1f} MiB, Mailrise {status(other.child.pid, 'VmRSS'):.1f} MiB")
    names = ["bound", "accepted", "sent", "mailrise"]
    runs = {(keep, name): [] for keep in (False, True) for name in names}
    for run in range(options.runs):
        for keep in (False, True):
            runs[keep, "bound"].append(options.mails / source(sink.port, options.mails, keep))
            pids = (postel.pid, provider.child.pid)
            before = [cpu_seconds(pid) for pid in pids] + [cpu_of_ended()]
            accepted, sent = through(postel.port, provider, options.mails, keep)
            after = [cpu_seconds(pid) for pid in pids] + [cpu_of_ended()]
            cpu, called, source_cpu = [(late - early) / options.mails * 1e6 for early, late in zip(before, after)]
            runs[keep, "accepted"].append(accepted)
            runs[keep, "sent"].append(sent)
            if not options.alone:
                few = min(MAILRISE_MAILS, options.mails)
                runs[keep, "mailrise"].append(through(other.port, provider, few, keep, "bench@mailrise.xyz")[1])
            print(f"  run {run + 1}, {'sessions kept' if keep else 'reconnecting'}: accepted {accepted:,.0f}/s, "
                  f"at the provider {sent:,.0f}/s; processor a mail: {cpu:.0f} µs, smtp-source {source_cpu:.0f} µs, provider {called:.0f} µs", flush=True)
    for keep in (False, True):
        print(f"\n{options.mails:,} mails of 4 KB, {SESSIONS} sessions, {'kept (-d)' if keep else 'a new one for each mail'}, median of {options.runs}:")
        got = {name: runs[keep, name] for name in names}
        print(f"  smtp-sink, keeps nothing        {rate(got['bound'])}")
        print(f"  Postel, accepted and durable    {rate(got['accepted'])}")
        print(f"  Postel, at the provider         {rate(got['sent'])}")
        print(f"  accepted : smtp-sink          = {median(got['accepted']) / median(got['bound']):.2f} (goal: 0.5)")
        if got["mailrise"]:
            print(f"  Mailrise, at the same provider  {rate(got['mailrise'])}")
            print(f"  Postel : Mailrise, end to end = {median(got['sent']) / median(got['mailrise']):.1f} (goal: 20)")
    wait_for("every answer in the ledger", postel.settled)
    print(f"\nresident under that load: Postel at most {status(postel.pid, 'VmHWM'):.1f} MiB (goal: < 40), Mailrise {status(other.child.pid, 'VmHWM'):.1f} MiB")
    accepted, sent = through(postel.port, provider, options.mails, True, shape=["-l", "4096"])
    print(f"smtp-source -d -l 4096 (4 KB of text, so each is cut to six parts and its sender told so by mail), one run: "
          f"accepted {accepted:,.0f}/s, at the provider {sent:,.0f}/s")
    wait_for("every answer in the ledger", postel.settled)
    print(f"resident then: Postel at most {status(postel.pid, 'VmHWM'):.1f} MiB")
    for words, pace in (("half the top rate", int(median(runs[True, "sent"]) / 2)), ("as fast as they are taken", 0)):
        told = provider.run(postel.port, options.mails, pace)
        print(f"from 250 to the provider's call, {words}{f' ({pace:,}/s)' if pace else ''}: p50 {told['p50']} ms, p90 {told['p90']} ms, "
              f"p99 {told['p99']} ms, at most {told['max']} ms ({told['called']:,} of {told['mails']:,})")
    wait_for("every answer in the ledger", postel.settled)
    print(f"in the ledger: {postel.states()}; at the provider {provider.count():,}")
    postel.server.stop()
    print(f"start-up with {sum(postel.states().values()):,} rows in the folder: {start_up(postel):.1f} ms")
    (folder / "counted").mkdir()
    found = syncs(stack, folder / "counted", provider, options.mails)
    print("syncs: strace is not there" if found is None else
          f"syncs, sessions kept, a run of its own: {found[0]:,.0f}/s, {found[1]:.3f} a mail")


def seed(postel, accounts, rows):
    """Copies the one account and the rows of one mail until there are so many."""
    with contextlib.closing(postel.database()) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -1000000")
        copy_accounts(db, accounts)
        copy_rows(db, rows)


def columns(db, table, **changed):
    """A table's columns, and what a copy has in them."""
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "seq"]
    return ", ".join(names), ", ".join(changed.get(name, name) for name in names)


def copy_accounts(db, accounts):
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {accounts - 1}) "
    if accounts > 1:
        into, what = columns(db, "account", id="'a' || i", doc="json_set(doc, '$.id', 'a' || i)")
        db.execute(f"INSERT INTO account ({into}) {numbers} SELECT {what} FROM n, account WHERE id = 'bench'")
        sender = f"replace('{SENDER}', 'ann', 'ann' || i)"
        into, what = columns(db, "user", account="'a' || i", sender=sender, doc=f"replace(json_set(doc, '$.account', 'a' || i), '{SENDER}', {sender})")
        db.execute(f"INSERT INTO user ({into}) {numbers} SELECT {what} FROM n, user WHERE account = 'bench'")


def copy_rows(db, rows):
    if not rows:
        return
    db.execute("CREATE TEMP TABLE new AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
               "SELECT i, lower(hex(randomblob(32))) AS row, printf('%08x', i) || substr((SELECT id FROM mail), 9) AS letter FROM n", [rows])
    into, what = columns(db, "mail", id="letter", received_at="received_at - i", doc="json_set(doc, '$.id', letter)")
    db.execute(f"INSERT INTO mail ({into}) SELECT {what} FROM (SELECT * FROM mail LIMIT 1), new")
    into, what = columns(db, "mail_account", mail="letter", received_at="received_at - i")
    db.execute(f"INSERT INTO mail_account ({into}) SELECT {what} FROM (SELECT * FROM mail_account LIMIT 1), new")
    into, what = columns(db, "ledger", id="row", mail="letter", provider_ref="row", doc="json_set(doc, '$.id', row, '$.mail', letter)")
    db.execute(f"INSERT INTO ledger ({into}) SELECT {what} FROM (SELECT * FROM ledger LIMIT 1), new")


def grow(stack, folder, options):
    small = None
    for accounts, rows in ((10, 0), (1_000, 0), (100_000, 0), (10, 1_000_000)):
        provider = Provider(stack, folder)
        case = folder / f"{accounts}-{rows}"
        case.mkdir()
        postel = Postel(stack, case, provider)
        # One mail, whose record and row are what is copied.
        postel.serve()
        provider.run(postel.port, 1, 0, 1)
        wait_for("the answer in the ledger", postel.settled)
        postel.server.stop()
        seed(postel, accounts, rows)
        started = start_up(postel, 5)
        postel.serve()
        source(postel.port, options.mails // 4, True)  # Warms what a service that runs has warm.
        found = [through(postel.port, provider, options.mails, True) for _ in range(options.runs)]
        accepted, sent = median([f[0] for f in found]), median([f[1] for f in found])
        small = small or (accepted, sent)
        size = (postel.data / "postel.sqlite").stat().st_size / 2**20
        print(f"{accounts:9,} accounts, {rows:9,} rows there already ({size:,.0f} MiB): accepted {accepted:,.0f}/s ({small[0] / accepted:.2f} x the cost of the first), "
              f"at the provider {sent:,.0f}/s ({small[1] / sent:.2f} x), resident at most {status(postel.pid, 'VmHWM'):.1f} MiB, start-up {started:.1f} ms", flush=True)
        postel.server.stop()
        provider.stop()
        shutil.rmtree(case)


def soak(stack, folder, options):
    provider = Provider(stack, folder)
    postel = Postel(stack, folder, provider)
    postel.serve()
    top = through(postel.port, provider, options.mails, True)[1]
    pace = max(1, int(top / 2))
    mails = int(pace * options.minutes * 60)
    print(f"top rate {top:,.0f}/s; now {mails:,} mails at {pace:,}/s: {options.minutes:g} minutes", flush=True)
    begun, told, samples = time.monotonic(), {}, []
    sender = threading.Thread(target=lambda: told.update(provider.run(postel.port, mails, pace)))
    sender.start()
    while sender.is_alive():
        sender.join(max(2, options.minutes * 2))
        samples.append(status(postel.pid, "VmRSS"))
        print(f"  {time.monotonic() - begun:6.0f} s: resident {samples[-1]:.1f} MiB, at the provider {provider.count():,}", flush=True)
    wait_for("every answer in the ledger", postel.settled)
    states, calls, all_mails = postel.states(), provider.count(), mails + options.mails
    print(f"250 to the provider's call: p50 {told['p50']} ms, p99 {told['p99']} ms, at most {told['max']} ms")
    print(f"accepted {all_mails:,}; at the provider {calls:,}; in the ledger {states}")
    third = max(1, len(samples) // 3)
    early, late = max(samples[third : 2 * third] or samples), max(samples[-third:])
    print(f"resident: at most {early:.1f} MiB in the second third, {late:.1f} MiB in the last")
    faults = []
    if states != {"sent": all_mails} or calls != all_mails:
        faults.append("the counts differ")
    if late > early * 1.1 + 2:
        faults.append("memory grows")
    if faults:
        sys.exit("soak: " + ", ".join(faults))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "grow", "soak"])
    parser.add_argument("minutes", nargs="?", type=float, default=30)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without Mailrise")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin"
    where = TARGET if TARGET.is_dir() else ROOT
    disk = subprocess.run(["df", "--output=fstype,source", where], capture_output=True, text=True, check=True).stdout.split("\n")[1].split()
    if disk[0] in ("tmpfs", "ramfs"):
        sys.exit(f"{where} lies in memory ({disk[0]}): set CARGO_TARGET_DIR to a folder on a real disk")
    print(f"{os.cpu_count()} processors, {disk[0]} on {disk[1]}, {time.strftime('%Y-%m-%d %H:%M')}")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=where))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        {"load": load, "grow": grow, "soak": soak}[options.what](stack, folder, options)


if __name__ == "__main__":
    main()
