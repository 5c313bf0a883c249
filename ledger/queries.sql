-- name: PutText :exec
-- A stored body that differs is damaged, or was compressed otherwise: the new one is right in both cases.
INSERT INTO texts (digest, body) VALUES (?, ?)
ON CONFLICT (digest) DO UPDATE SET body = excluded.body WHERE texts.body <> excluded.body;

-- name: PutRequest :exec
INSERT INTO requests (key, endpoint, model, params, sample, paper, system, evaluator, stage, file)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING;

-- name: PutMessage :exec
INSERT INTO messages (key, position, role, digest) VALUES (?, ?, ?, ?)
ON CONFLICT (key, position) DO NOTHING;

-- name: PutAnswer :exec
INSERT INTO answers (key, text, sha256, finish, snapshot, source, prompt, cached, completion, reasoning, started, elapsed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);


-- name: DeleteAnswer :exec
DELETE FROM answers WHERE key = ?;

-- name: AnswerText :one
SELECT text, sha256 FROM answers WHERE key = ?;

-- name: Call :one
SELECT sqlc.embed(requests), sqlc.embed(answers)
FROM requests JOIN answers ON answers.key = requests.key
WHERE requests.key = ?;

-- name: HasRequest :one
SELECT count(*) FROM requests WHERE requests.key = ?;

-- name: Messages :many
SELECT messages.role, messages.digest, texts.body
FROM messages JOIN texts ON texts.digest = messages.digest
WHERE messages.key = ?
ORDER BY messages.position;

-- name: PutPending :exec
INSERT INTO pending (key, run) VALUES (?, ?)
ON CONFLICT (key, run) DO NOTHING;

-- name: DeletePending :exec
DELETE FROM pending WHERE key = ?;

-- name: DeletePendingOfRun :exec
DELETE FROM pending WHERE run = ?;

-- name: Pending :many
SELECT sqlc.embed(requests)
FROM pending JOIN requests ON requests.key = pending.key
WHERE pending.run = ?
ORDER BY requests.paper, requests.system, requests.evaluator, requests.stage, requests.file, requests.sample, requests.key;

-- name: PendingCall :one
SELECT * FROM requests
WHERE requests.key = ? AND EXISTS (SELECT 1 FROM pending WHERE pending.key = requests.key);

-- name: PutRun :exec
INSERT INTO runs (id, config, created) VALUES (?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: Runs :many
SELECT * FROM runs ORDER BY created, id;

-- name: PutUse :exec
INSERT INTO uses (run, paper, system, model, seed, evaluator, key, stage, file)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, paper, system, model, seed, evaluator, key) DO NOTHING;

-- name: DeleteUses :exec
DELETE FROM uses WHERE run = ? AND paper = ? AND system = ? AND model = ? AND seed = ?;

-- name: Usage :many
SELECT u.paper, u.system, u.model, u.seed, u.evaluator, u.stage,
    r.model AS call_model, a.snapshot, a.source,
    count(*) AS calls,
    CAST(sum(a.prompt) AS INTEGER) AS prompt,
    CAST(sum(a.cached) AS INTEGER) AS cached,
    CAST(sum(a.completion) AS INTEGER) AS completion,
    CAST(sum(a.reasoning) AS INTEGER) AS reasoning,
    CAST(sum(a.elapsed) AS INTEGER) AS elapsed
FROM uses AS u
JOIN requests AS r ON r.key = u.key
JOIN answers AS a ON a.key = u.key
WHERE u.run = ?
GROUP BY u.paper, u.system, u.model, u.seed, u.evaluator, u.stage, r.model, a.snapshot, a.source
ORDER BY u.paper, u.system, u.model, u.seed, u.evaluator, u.stage, r.model, a.snapshot, a.source;

-- name: PutCell :exec
INSERT INTO cells (run, paper, system, model, seed, state, tree, error, started, finished, elapsed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, paper, system, model, seed) DO UPDATE SET
    state = excluded.state, tree = excluded.tree, error = excluded.error,
    started = excluded.started, finished = excluded.finished, elapsed = excluded.elapsed;

-- name: Cells :many
SELECT * FROM cells WHERE run = ? ORDER BY paper, system, model, seed;

-- name: PutScore :exec
INSERT INTO scores (run, paper, system, model, seed, evaluator, metric, judge_model, status, source,
    value, asked, valid, low, high, shown, files, reason, samples, detail, provenance)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, paper, system, model, seed, evaluator, metric, judge_model) DO UPDATE SET
    status = excluded.status, source = excluded.source, value = excluded.value,
    asked = excluded.asked, valid = excluded.valid, low = excluded.low, high = excluded.high,
    shown = excluded.shown, files = excluded.files, reason = excluded.reason,
    samples = excluded.samples, detail = excluded.detail, provenance = excluded.provenance;

-- name: Scores :many
SELECT * FROM scores WHERE run = ?
ORDER BY paper, system, model, seed, evaluator, metric, judge_model;
