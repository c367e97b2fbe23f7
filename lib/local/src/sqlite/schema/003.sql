-- For figures read every few seconds: how many texts wait, since when, and how many outcomes are unknown. Ids of mails
-- begin with their time, so the least is the oldest.

DROP INDEX ledger_waiting;
CREATE INDEX ledger_waiting ON ledger (account, user, mail) WHERE state = 'waiting';
CREATE INDEX ledger_unknown ON ledger (mail) WHERE state = 'unknown';
