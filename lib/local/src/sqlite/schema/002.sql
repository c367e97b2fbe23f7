-- Which row first brought a provider's reference. A table of its own, not columns of the ledger: it is written once for
-- each text that is taken, and no other change of a row touches it.

CREATE TABLE reference (
    provider  TEXT NOT NULL,
    reference TEXT NOT NULL,
    row       TEXT NOT NULL,
    PRIMARY KEY (provider, reference)
) STRICT, WITHOUT ROWID;

-- In the order in which the rows were made; a document that cannot be read has none.
INSERT INTO reference (provider, reference, row)
SELECT doc ->> '$.provider', doc ->> '$.provider_ref', id FROM ledger
WHERE json_valid(doc) AND doc ->> '$.provider' IS NOT NULL AND doc ->> '$.provider_ref' IS NOT NULL
ORDER BY rowid
ON CONFLICT DO NOTHING;
