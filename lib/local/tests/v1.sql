-- A database as schema 1 left it, after schema/001.sql: the values are what Postel wrote before schema 2.
PRAGMA application_id = 1349481332;
PRAGMA user_version = 1;

INSERT INTO account VALUES ('acme', '{"id":"acme","version":1,"admins":[],"preferences":{"signature":null,"sender_name":null,"send_as":"number","subject":"when-empty","encoding":"smart","max_parts":6,"over_long":"truncate","validity_hours":24,"language":"en","country":"FR","bare_digits":"national","time_zone":"Europe/Paris"},"receiving":{"receipts":"failures"},"accept":"verified","networks":[],"numbers":[],"limits":{"countries":[],"recipients_per_mail":50,"parts_per_user_hour":200,"parts_per_number_hour":30,"parts_per_day":1000,"parts_per_month":10000},"retention":{"days":30}}');
INSERT INTO user VALUES ('ann@example.com', 'acme', 1, 'ccc31f76', '{"account":"acme","sender":"ann@example.com","version":1,"status":"pending","token_hash":"ccc31f76","expires_at":"2026-11-28T21:39:22.607170285Z","default":true,"automated":"refuse","signature":null,"added_at":"2026-11-21T21:39:22.607250354Z"}');
INSERT INTO audit VALUES (1, 'acme', 1795297162639223422, '{"account":"acme","at":"2026-11-21T21:39:22.639223422Z","actor":"cli","what":"user.add","before":null,"after":"ann@example.com"}');
INSERT INTO opt_out VALUES ('acme', '+33612345678', '{"at":"2026-11-21T21:39:22.89527044Z","source":"admin"}');
INSERT INTO outbox VALUES (1, '280bd0ca', 1795297162607252505, 1795556362607252505, X'5375626a6563743a20780d0a0d0a780d0a', '{"id":"280bd0ca","to":"ann@example.com","raw":[],"due":"2026-11-21T21:39:22.607252505Z","attempts":0,"expires_at":"2026-11-24T21:39:22.607252505Z","note":null}');
INSERT INTO first_seen VALUES ('5f2a', 1795297162607252505);
INSERT INTO counter VALUES ('acme/2026-11-21', 4000, 1795556362607252505);
INSERT INTO handset VALUES (1, 1795297162607252505, '{"at":"2026-11-21T21:39:22.607252505Z","to":"+33612345678","from":"Postel","text":"Hello","encoding":"GSM-7","parts":1,"reference":"row"}');
INSERT INTO mail VALUES ('019aa900-0000-7000-8000-000000000001', 1795297162607252505, 1797889162607252505, '{"id":"019aa900-0000-7000-8000-000000000001","received_at":"2026-11-21T21:39:22.607252505Z","from":"ann@example.com","accounts":["acme"],"message_id":"1@example.com","subject":"x","client_ip":"127.0.0.1","helo":"x","envelope_sender":"ann@example.com","evidence":null,"recipients":[],"cut":[],"expires_at":"2026-12-21T21:39:22.607252505Z"}');
INSERT INTO mail_account VALUES ('acme', 1795297162607252505, '019aa900-0000-7000-8000-000000000001');

-- Four thousand texts: one in ten waits, one in ten is being sent, the rest were taken under a reference of their own,
-- but for every hundredth, which shares one.
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4000),
text (n, id, number, state, due, reference) AS (
    SELECT n, printf('%064d', n), printf('+336%08d', n),
        CASE n % 10 WHEN 0 THEN 'waiting' WHEN 1 THEN 'sending' ELSE 'sent' END,
        CASE WHEN n % 10 < 2 THEN 1795297162607252505 END,
        CASE WHEN n % 10 < 2 THEN 'null' WHEN n % 100 = 50 + 2 THEN '"shared"' ELSE printf('"ref-%d"', n) END
    FROM n
)
INSERT INTO ledger
SELECT id, '019aa900-0000-7000-8000-000000000001', 'acme', 'ann@example.com', number, state, due, 1797889162607252505,
    '{"id":"' || id || '","version":2,"mail":"019aa900-0000-7000-8000-000000000001","account":"acme","user":"ann@example.com","to":"'
    || number || '","text":"Les pompiers sont en route.","encoding":"GSM-7","parts":1,"truncated":false,"originator":"shared","language":"fr","accepted_at":"2026-11-21T21:39:22.607252505Z","valid_until":"2026-11-22T21:39:22.607252505Z","state":"'
    || state || '","due":' || CASE WHEN due IS NULL THEN 'null' ELSE '"2026-11-21T21:39:22.607252505Z"' END
    || ',"attempts":1,"provider":"handset","provider_ref":' || reference
    || ',"reservations":[{"counter":"acme/2026-11-21","limit":"account-day","amount":1,"ceiling":10000,"expires_at":"2026-11-24T21:39:22.607252505Z"}],"events":[{"at":"2026-11-21T21:39:22.607252505Z","state":"'
    || state || '","note":"so"}],"text_expires_at":"2026-12-21T21:39:22.607252505Z","expires_at":"2026-12-21T21:39:22.607252505Z"}'
FROM text;
