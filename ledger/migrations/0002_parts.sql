-- Up to the line "move" new tables are made beside the old ones; move.go then fills them; the rest drops the old.

ALTER TABLE texts RENAME TO old_texts;
ALTER TABLE requests RENAME TO old_requests;
ALTER TABLE messages RENAME TO old_messages;
ALTER TABLE answers RENAME TO old_answers;
ALTER TABLE pending RENAME TO old_pending;
ALTER TABLE uses RENAME TO old_uses;

-- Chunks one after the other, compressed together (zstd). A pack never changes and its id is never used again.
CREATE TABLE packs (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    size INTEGER NOT NULL, -- bytes before compression
    body BLOB    NOT NULL
) STRICT;

-- Parts of messages, each once.
CREATE TABLE chunks (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB    NOT NULL UNIQUE CHECK (length(digest) = 32), -- SHA-256
    pack   INTEGER NOT NULL REFERENCES packs (id),
    start  INTEGER NOT NULL, -- where it begins in the pack, bytes
    size   INTEGER NOT NULL  -- bytes
) STRICT;

CREATE INDEX chunks_of_pack ON chunks (pack);

-- How often chunks were dropped: a process that sees another number forgets which chunks it knew.
CREATE TABLE prunes (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO prunes (one, count) VALUES (1, 0);

-- Who is asked, and what of a request shapes the answer besides its messages.
CREATE TABLE models (
    id       INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    model    TEXT NOT NULL,
    params   TEXT NOT NULL,
    UNIQUE (endpoint, model, params)
) STRICT;

-- One sample of a request, answered or not.
CREATE TABLE requests (
    id        INTEGER PRIMARY KEY,
    key       BLOB    NOT NULL UNIQUE CHECK (length(key) = 32),
    model     INTEGER NOT NULL REFERENCES models (id),
    sample    INTEGER NOT NULL,
    -- Labels of whoever asked first, for display only.
    paper     TEXT    NOT NULL,
    system    TEXT    NOT NULL,
    evaluator TEXT    NOT NULL,
    stage     TEXT    NOT NULL,
    file      TEXT    NOT NULL
) STRICT;

CREATE INDEX requests_of_model ON requests (model);

CREATE TABLE messages (
    request  INTEGER NOT NULL REFERENCES requests (id),
    position INTEGER NOT NULL,
    role     TEXT    NOT NULL,
    digest   BLOB    NOT NULL, -- SHA-256 of the chunks' digests in their order
    chunks   BLOB    NOT NULL, -- their ids as varints
    PRIMARY KEY (request, position)
) STRICT, WITHOUT ROWID;

-- Times are nanoseconds since 1970 in UTC, durations nanoseconds; 0 is a time that is not known.
CREATE TABLE answers (
    request    INTEGER PRIMARY KEY REFERENCES requests (id),
    digest     BLOB    NOT NULL, -- SHA-256 of the text before compression
    finish     TEXT    NOT NULL,
    snapshot   TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    prompt     INTEGER NOT NULL,
    cached     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    reasoning  INTEGER NOT NULL,
    started    INTEGER NOT NULL,
    elapsed    INTEGER NOT NULL,
    body       BLOB    NOT NULL -- zstd
) STRICT;

-- Requests that a run asked to have answered elsewhere. It waits for those that have no answer.
CREATE TABLE pending (
    request INTEGER NOT NULL REFERENCES requests (id),
    run     TEXT    NOT NULL REFERENCES runs (id),
    PRIMARY KEY (request, run)
) STRICT, WITHOUT ROWID;

-- The calls that a cell rests on. A call counts once for a cell and evaluator, whatever it was used for.
CREATE TABLE uses (
    run       TEXT    NOT NULL REFERENCES runs (id),
    paper     TEXT    NOT NULL,
    system    TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    seed      INTEGER NOT NULL,
    evaluator TEXT    NOT NULL,
    request   INTEGER NOT NULL REFERENCES requests (id),
    stage     TEXT    NOT NULL,
    file      TEXT    NOT NULL,
    PRIMARY KEY (run, paper, system, model, seed, evaluator, request)
) STRICT, WITHOUT ROWID;

CREATE INDEX uses_of_request ON uses (request);

-- The number of tokens of a text, by the text's SHA-256.
CREATE TABLE tokens (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    count  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a run has spent under its budget and what its open reservations come to, in billionths of a US dollar.
CREATE TABLE budgets (
    run     TEXT PRIMARY KEY REFERENCES runs (id),
    settled INTEGER NOT NULL,
    open    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Open reservations: what a call that may be under way will cost at most.
CREATE TABLE reservations (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    run   TEXT    NOT NULL REFERENCES budgets (run),
    owner TEXT    NOT NULL, -- who made it: a token of the opened ledger
    worst INTEGER NOT NULL,
    made  INTEGER NOT NULL
) STRICT;

-- Tries that failed and were paid for all the same.
CREATE TABLE waste (
    id         INTEGER PRIMARY KEY,
    run        TEXT    NOT NULL REFERENCES runs (id),
    paper      TEXT    NOT NULL,
    system     TEXT    NOT NULL,
    evaluator  TEXT    NOT NULL,
    stage      TEXT    NOT NULL,
    model      TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    prompt     INTEGER NOT NULL,
    cached     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    reasoning  INTEGER NOT NULL,
    at         INTEGER NOT NULL
) STRICT;

CREATE INDEX waste_of_run ON waste (run);

-- move

DROP TABLE old_uses;
DROP TABLE old_pending;
DROP TABLE old_messages;
DROP TABLE old_answers;
DROP TABLE old_texts;
DROP TABLE old_requests;
