//! The table of all measures: name, kind, unit, labels, when it moves, what to alarm on.
//!
//! Names are for operators' rules: never renamed once released. `infra/prometheus-alerts.yml` holds the rules; a
//! test holds them to this table.

use super::{Kind, Measure, Unit, Words};

/// Why a mail is refused or put off: the words of [`crate::decision::Code`], then those of the door itself.
pub const REASONS: &[&str] = &[
    "unreadable",
    "ambiguous-sender",
    "automatic",
    "unknown-sender",
    "not-accepted-yet",
    "try-again",
    "not-verified",
    "unsafe",
    "not-a-number",
    "not-textable",
    "country-not-allowed",
    "opted-out",
    "no-originator",
    "over-limit",
    "too-many-recipients",
    "too-long",
    "empty",
    "too-big",
    "no-room",
    "busy",
    "other-domain",
    "bare-line-end",
    "nul-octet",
    "store",
    "broken",
];

/// The states a text comes into, as [`crate::ledger::State::as_str`] writes them.
const STATES: &[&str] = &[
    "waiting",
    "sent",
    "delivered",
    "undelivered",
    "refused",
    "failed",
    "expired",
    "unknown",
];

/// The classes of a provider's answer (DESIGN 4.5).
const CLASSES: &[&str] = &[
    "sent",
    "rejected",
    "opted-out",
    "account-hold",
    "throttled",
    "not-sent",
    "ambiguous",
];

/// As [`crate::ledger::LimitKind::as_str`] writes them.
const LIMITS: &[&str] = &[
    "user-hour",
    "number-hour",
    "account-day",
    "account-month",
    "any-server-day",
    "operator-day",
];

/// Our crates that run and log in the one process.
pub const PARTS: &[&str] = &[
    "postel",
    "postel_auth",
    "postel_core",
    "postel_local",
    "postel_mail",
    "postel_sms",
    "postel_web",
];

const PROVIDER: (&str, Words) = ("provider", Words::Provider);

const fn counter(
    name: &'static str,
    labels: &'static [(&'static str, Words)],
    help: &'static str,
    alarm: &'static str,
) -> Measure {
    Measure {
        name,
        kind: Kind::Counter,
        unit: Unit::Count,
        labels,
        help,
        alarm,
    }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str, alarm: &'static str) -> Measure {
    Measure {
        name,
        kind: Kind::Gauge,
        unit,
        labels: &[],
        help,
        alarm,
    }
}

const fn seconds(
    name: &'static str,
    labels: &'static [(&'static str, Words)],
    help: &'static str,
    alarm: &'static str,
) -> Measure {
    Measure {
        name,
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels,
        help,
        alarm,
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $measure:expr;)*) => {
        $($(#[$doc])* pub const $name: Measure = $measure;)*
        /// All of them.
        pub const ALL: &[Measure] = &[$($name),*];
    };
}

table! {
    // Mail in.
    /// Counted when `250` is given.
    MAILS_ACCEPTED = counter("postel_mails_accepted_total", &[],
        "Mails answered with 250: durable, and at least one text is to be sent.", "none in a time that should have some");
    /// Counted when 4xx or 5xx is given at the end of the mail or for its size.
    MAILS_REFUSED = counter("postel_mails_refused_total", &[("reason", Words::Of(REASONS))],
        "Mails answered with 4xx or 5xx, by reason; try-again, no-room, busy, store and broken are ours and come again.",
        "reason store, broken, no-room or busy moves");
    /// Counted at RCPT, and at the end of a mail that has other recipients too.
    RECIPIENTS_REFUSED = counter("postel_recipients_refused_total", &[("reason", Words::Of(REASONS))],
        "Recipients refused at RCPT, and those of accepted mails that get no text.", "");
    /// From the end of the mail to the decision.
    DECISION_SECONDS = seconds("postel_decision_seconds", &[],
        "Time from the end of a mail to the decision about it, DNS and all.", "p99 above 4 s: senders' servers give up");
    /// Counted when a limit of an account or of the operator has no room.
    LIMITS_REACHED = counter("postel_limits_reached_total", &[("limit", Words::Of(LIMITS))],
        "Texts refused because this limit had no room.", "operator-day moves");
    // Texts.
    /// Counted when a row is stored in this state.
    TEXTS = counter("postel_texts_total", &[("state", Words::Of(STATES))],
        "Texts that came into this state; waiting counts every time one is put off.", "unknown, failed or expired moves");
    /// What is billed.
    PARTS_SENT = counter("postel_parts_sent_total", &[],
        "Billed parts of texts that a provider took.", "far above the usual: somebody pays for it");
    /// From acceptance to the first provider call.
    TEXT_WAIT_SECONDS = seconds("postel_text_wait_seconds", &[],
        "Time from the acceptance of a mail to the first provider call for each of its texts.", "p99 above a minute");
    /// Facts of the store.
    TEXTS_WAITING = gauge("postel_texts_waiting", Unit::Count,
        "Texts accepted and not yet handed to a provider.", "grows for a quarter of an hour");
    /// Facts of the store.
    TEXTS_OLDEST_WAITING_SECONDS = gauge("postel_texts_oldest_waiting_seconds", Unit::Seconds,
        "Age of the oldest waiting text since its mail was received; 0 where none waits.", "above 15 minutes");
    /// Facts of the store.
    ROWS_OVERDUE_SECONDS = gauge("postel_rows_overdue_seconds", Unit::Seconds,
        "How long the most overdue row of the ledger has been waiting for the sweep.", "above 5 minutes: the sweep does not keep up");
    /// Facts of the store.
    TEXTS_UNKNOWN = gauge("postel_texts_unknown", Unit::Count,
        "Texts of the last day whose outcome is unknown: they may or may not have been sent.", "above 0");
    // Providers.
    /// One call.
    PROVIDER_SECONDS = seconds("postel_provider_seconds", &[PROVIDER],
        "Time a provider took to answer one call.", "p99 above 10 s");
    /// One call.
    PROVIDER_ANSWERS = counter("postel_provider_answers_total", &[PROVIDER, ("class", Words::Of(CLASSES))],
        "Answers of a provider, by class.", "account-hold or ambiguous moves; not-sent or throttled for 5 minutes");
    /// Calls now.
    PROVIDER_CALLS = Measure {
        name: "postel_provider_calls", kind: Kind::Gauge, unit: Unit::Count, labels: &[PROVIDER],
        help: "Calls to a provider that are not answered yet.", alarm: "at [sms] workers for 5 minutes",
    };
    /// Held now.
    PROVIDER_HELD = Measure {
        name: "postel_provider_held", kind: Kind::Gauge, unit: Unit::Count, labels: &[PROVIDER],
        help: "1 while a provider holds our account (credentials, credit, spend limit), as it said last.", alarm: "is 1",
    };
    // Mails of our own.
    /// One try.
    OWN_MAILS = counter("postel_own_mails_total", &[("result", Words::Of(&["sent", "refused", "given-up", "put-off"]))],
        "Mails of our own (invitations, receipts), by what came of each try.", "refused or given-up moves");
    /// Facts of the store.
    OWN_MAILS_WAITING = gauge("postel_own_mails_waiting", Unit::Count,
        "Mails of our own that have not left yet.", "grows for an hour: the smarthost fails");
    // Where things are kept.
    /// Facts of the spool.
    SPOOL_PENDING = gauge("postel_spool_pending", Unit::Count,
        "Accepted mails that are not entered into the store yet.", "above 100 for 5 minutes");
    /// Facts of the spool.
    SPOOL_BYTES = gauge("postel_spool_bytes", Unit::Bytes,
        "Octets of the spool on disk, finished mails that are still kept included.", "near what the disk has");
    /// Counted when an entry of the spool is given up.
    SPOOL_FAILED = counter("postel_spool_failed_total", &[],
        "Accepted mails that could not be read back or entered and need somebody.", "moves");
    /// Facts of the spool.
    SPOOL_APPENDS = counter("postel_spool_appends_total", &[],
        "Mails written into the spool.", "");
    /// Facts of the spool.
    SPOOL_SYNCS = counter("postel_spool_syncs_total", &[],
        "Times the spool waited for the disk: fewer than appends under load.", "");
    /// Facts of the store.
    STORE_COMMITS = counter("postel_store_commits_total", &[],
        "Transactions of the database that were committed.", "");
    // DNS.
    /// One question.
    DNS_QUERIES = counter("postel_dns_queries_total", &[("result", Words::Of(&["cached", "records", "nothing", "unanswered"]))],
        "Questions to DNS; unanswered: time-out, SERVFAIL, no connection.", "unanswered above a tenth for 10 minutes");
    // The listener.
    /// One session.
    SMTP_SESSIONS = gauge("postel_smtp_sessions", Unit::Count,
        "SMTP sessions that are open.", "near [smtp] max_connections");
    /// One session.
    SMTP_SESSIONS_BEGUN = counter("postel_smtp_sessions_total", &[],
        "SMTP sessions begun.", "");
    /// One connection.
    SMTP_TURNED_AWAY = counter("postel_smtp_refused_connections_total", &[("reason", Words::Of(&["server", "client"]))],
        "Connections turned away because there are too many, in all (server) or of one client.", "server moves");
    /// One handshake.
    SMTP_TLS = counter("postel_smtp_tls_total", &[("result", Words::Of(&["done", "failed"]))],
        "TLS handshakes after STARTTLS.", "failed far above the usual: the certificate, most likely");
    /// One try.
    SMTP_AUTH = counter("postel_smtp_auth_total", &[("result", Words::Of(&["accepted", "refused"]))],
        "Logins tried.", "refused far above the usual: somebody guesses");
    // The process.
    /// Counted where an error line of the log begins with "alarm: ".
    ALARMS = counter("postel_alarms_total", &[("part", Words::Of(PARTS))],
        "Lines of the log that begin with alarm: an operator must look, the log says at what.", "moves");
    /// As `/healthz` says.
    HEALTHY = gauge("postel_healthy", Unit::Count,
        "1 while /healthz answers 200.", "is 0 for a minute");
    /// One.
    BUILD_INFO = Measure {
        name: "postel_build_info", kind: Kind::Gauge, unit: Unit::Count, labels: &[("version", Words::Version)],
        help: "1, and which version this is.", alarm: "",
    };
    /// By Prometheus's own convention.
    PROCESS_START = gauge("process_start_time_seconds", Unit::Seconds,
        "When the process started, in seconds since 1970.", "changes more than twice in an hour");
    /// By Prometheus's own convention.
    PROCESS_RESIDENT = gauge("process_resident_memory_bytes", Unit::Bytes,
        "Resident memory.", "above what was measured under load");
    /// By Prometheus's own convention.
    PROCESS_FDS = gauge("process_open_fds", Unit::Count,
        "Open file descriptors.", "near process_max_fds");
    /// By Prometheus's own convention.
    PROCESS_MAX_FDS = gauge("process_max_fds", Unit::Count,
        "File descriptors this process may open.", "");
}
