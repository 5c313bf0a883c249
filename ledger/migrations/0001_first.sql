-- +goose Up

-- Contents of messages, each once; digest is the SHA-256 of the content before compression (zstd).
CREATE TABLE texts (
    digest TEXT PRIMARY KEY,
    body   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One sample of a request, answered or not.
CREATE TABLE requests (
    key       TEXT PRIMARY KEY CHECK (length(key) = 64),
    endpoint  TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    params    TEXT    NOT NULL,
    sample    INTEGER NOT NULL,
    -- Labels of whoever asked first, for display only.
    paper     TEXT    NOT NULL,
    system    TEXT    NOT NULL,
    evaluator TEXT    NOT NULL,
    stage     TEXT    NOT NULL,
    file      TEXT    NOT NULL
) STRICT;

CREATE TABLE messages (
    key      TEXT    NOT NULL REFERENCES requests (key),
    position INTEGER NOT NULL,
    role     TEXT    NOT NULL,
    digest   TEXT    NOT NULL REFERENCES texts (digest),
    PRIMARY KEY (key, position)
) STRICT, WITHOUT ROWID;

-- Times are nanoseconds since 1970 in UTC, durations nanoseconds; 0 is a time that is not known.
CREATE TABLE answers (
    key        TEXT PRIMARY KEY REFERENCES requests (key),
    text       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL, -- of text
    finish     TEXT    NOT NULL,
    snapshot   TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    prompt     INTEGER NOT NULL,
    cached     INTEGER NOT NULL,
    completion INTEGER NOT NULL,
    reasoning  INTEGER NOT NULL,
    started    INTEGER NOT NULL,
    elapsed    INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    id      TEXT PRIMARY KEY,
    config  BLOB    NOT NULL,
    created INTEGER NOT NULL
) STRICT;

-- Requests that a run waits for.
CREATE TABLE pending (
    key TEXT NOT NULL REFERENCES requests (key),
    run TEXT NOT NULL REFERENCES runs (id),
    PRIMARY KEY (key, run)
) STRICT, WITHOUT ROWID;

-- The calls that a cell rests on. A call counts once for a cell and evaluator, whatever it was used for.
CREATE TABLE uses (
    run       TEXT    NOT NULL REFERENCES runs (id),
    paper     TEXT    NOT NULL,
    system    TEXT    NOT NULL,
    model     TEXT    NOT NULL,
    seed      INTEGER NOT NULL,
    evaluator TEXT    NOT NULL,
    key       TEXT    NOT NULL REFERENCES requests (key),
    stage     TEXT    NOT NULL,
    file      TEXT    NOT NULL,
    PRIMARY KEY (run, paper, system, model, seed, evaluator, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE cells (
    run      TEXT    NOT NULL REFERENCES runs (id),
    paper    TEXT    NOT NULL,
    system   TEXT    NOT NULL,
    model    TEXT    NOT NULL,
    seed     INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('running', 'done', 'failed', 'broken')),
    tree     TEXT    NOT NULL,
    error    TEXT    NOT NULL,
    started  INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    elapsed  INTEGER NOT NULL,
    PRIMARY KEY (run, paper, system, model, seed)
) STRICT, WITHOUT ROWID;

-- value, low and high are NULL where they are not a number.
CREATE TABLE scores (
    run         TEXT    NOT NULL REFERENCES runs (id),
    paper       TEXT    NOT NULL,
    system      TEXT    NOT NULL,
    model       TEXT    NOT NULL,
    seed        INTEGER NOT NULL,
    evaluator   TEXT    NOT NULL,
    metric      TEXT    NOT NULL,
    judge_model TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    value       REAL,
    asked       INTEGER NOT NULL,
    valid       INTEGER NOT NULL,
    low         REAL,
    high        REAL,
    shown       INTEGER NOT NULL,
    files       INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    samples     TEXT    NOT NULL,
    detail      TEXT    NOT NULL,
    provenance  TEXT    NOT NULL,
    PRIMARY KEY (run, paper, system, model, seed, evaluator, metric, judge_model)
) STRICT, WITHOUT ROWID;
