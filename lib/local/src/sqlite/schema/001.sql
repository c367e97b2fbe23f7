-- Values are JSON documents (`doc`). A column stands beside one only where something is looked up, ordered or
-- compared by it. Times are nanoseconds since 1970, clamped to 64 bits.

CREATE TABLE account (
    id  TEXT PRIMARY KEY,
    doc TEXT NOT NULL
) STRICT;

CREATE TABLE user (
    sender     TEXT NOT NULL,
    account    TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    token_hash TEXT, -- while pending
    doc        TEXT NOT NULL,
    PRIMARY KEY (sender, account)
) STRICT;
CREATE INDEX user_by_account ON user (account, sender);
CREATE INDEX user_by_token ON user (token_hash) WHERE token_hash IS NOT NULL;
-- One default for each sender, whatever the code does.
CREATE UNIQUE INDEX user_default ON user (sender) WHERE is_default = 1;

CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    at      INTEGER NOT NULL,
    doc     TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (account, at, seq);

CREATE TABLE ledger (
    id         TEXT PRIMARY KEY,
    mail       TEXT NOT NULL,
    account    TEXT NOT NULL,
    user       TEXT NOT NULL,
    number     TEXT NOT NULL,
    state      TEXT NOT NULL,
    due        INTEGER,
    expires_at INTEGER NOT NULL,
    doc        TEXT NOT NULL
) STRICT;
CREATE INDEX ledger_by_mail ON ledger (mail, number);
CREATE INDEX ledger_due ON ledger (due, id) WHERE due IS NOT NULL;
CREATE INDEX ledger_waiting ON ledger (account, user) WHERE state = 'waiting';
CREATE INDEX ledger_expired ON ledger (expires_at) WHERE state NOT IN ('waiting', 'sending');

CREATE TABLE counter (
    name       TEXT PRIMARY KEY,
    amount     INTEGER NOT NULL CHECK (amount >= 0),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX counter_expired ON counter (expires_at);

CREATE TABLE opt_out (
    account TEXT NOT NULL,
    number  TEXT NOT NULL,
    doc     TEXT NOT NULL,
    PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE mail (
    id          TEXT PRIMARY KEY,
    received_at INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    doc         TEXT NOT NULL
) STRICT;
CREATE INDEX mail_by_time ON mail (received_at, id);
CREATE INDEX mail_expired ON mail (expires_at);

CREATE TABLE mail_account (
    account     TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    mail        TEXT NOT NULL REFERENCES mail (id) ON DELETE CASCADE,
    PRIMARY KEY (account, received_at, mail)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_account_by_mail ON mail_account (mail);

CREATE TABLE first_seen (
    message TEXT PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX first_seen_by_time ON first_seen (at);

CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    due        INTEGER,
    expires_at INTEGER NOT NULL,
    raw        BLOB NOT NULL,
    doc        TEXT NOT NULL -- without raw
) STRICT;
CREATE INDEX outbox_due ON outbox (due, seq) WHERE due IS NOT NULL;
CREATE INDEX outbox_done ON outbox (expires_at) WHERE due IS NULL;

CREATE TABLE handset (
    seq INTEGER PRIMARY KEY,
    at  INTEGER NOT NULL,
    doc TEXT NOT NULL
) STRICT;
CREATE INDEX handset_by_time ON handset (at, seq);
