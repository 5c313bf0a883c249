-- name: Model :one
SELECT id FROM models WHERE endpoint = ? AND model = ? AND params = ?;

-- name: PutModel :one
INSERT INTO models (endpoint, model, params) VALUES (?, ?, ?) RETURNING id;

-- name: PutRequest :one
INSERT INTO requests (key, model, sample, paper, system, evaluator, stage, file)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING
RETURNING id;

-- name: Request :one
SELECT id FROM requests WHERE key = ?;

-- name: PutMessage :exec
INSERT INTO messages (request, position, role, digest, chunks) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (request, position) DO UPDATE SET role = excluded.role, digest = excluded.digest, chunks = excluded.chunks;

-- name: Messages :many
SELECT role, digest, chunks FROM messages WHERE request = ? ORDER BY position;

-- name: CountMessages :one
SELECT count(*) FROM messages JOIN requests ON requests.id = messages.request WHERE requests.key = ?;

-- name: AllChunkLists :many
SELECT chunks FROM messages;

-- name: PutPack :one
INSERT INTO packs (size, body) VALUES (?, ?) RETURNING id;

-- name: PackBody :one
SELECT body FROM packs WHERE id = ?;

-- name: PackIDs :many
SELECT id FROM packs ORDER BY id;

-- name: SmallPacks :many
SELECT id, size FROM packs WHERE size < ? ORDER BY id;

-- name: DeletePack :execrows
DELETE FROM packs WHERE id = ?;

-- name: MoveChunks :exec
UPDATE chunks SET pack = sqlc.arg(into), start = start + sqlc.arg(shift) WHERE pack = sqlc.arg(pack);

-- name: PutChunk :one
INSERT INTO chunks (digest, pack, start, size) VALUES (?, ?, ?, ?)
ON CONFLICT (digest) DO UPDATE SET pack = excluded.pack, start = excluded.start, size = excluded.size
RETURNING id;

-- name: Chunk :one
SELECT id FROM chunks WHERE digest = ?;

-- name: ChunkByID :one
SELECT digest, pack, start, size FROM chunks WHERE id = ?;

-- name: ChunksOfPack :many
SELECT id, digest, start, size FROM chunks WHERE pack = ? ORDER BY start, id;

-- name: MoveChunk :exec
UPDATE chunks SET pack = ?, start = ? WHERE id = ?;

-- name: DeleteChunk :exec
DELETE FROM chunks WHERE id = ?;

-- name: Prunes :one
SELECT count FROM prunes;

-- name: CountPrune :exec
UPDATE prunes SET count = count + 1;

-- name: PutAnswer :exec
INSERT INTO answers (request, digest, finish, snapshot, source, prompt, cached, completion, reasoning, started, elapsed, batched, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: DeleteAnswer :exec
DELETE FROM answers WHERE request = ?;

-- name: AnswerText :one
SELECT digest, body FROM answers WHERE request = ?;

-- name: Call :one
SELECT sqlc.embed(requests), sqlc.embed(models), sqlc.embed(answers)
FROM requests JOIN models ON models.id = requests.model JOIN answers ON answers.request = requests.id
WHERE requests.key = ?;

-- name: AskedCall :one
SELECT sqlc.embed(requests), sqlc.embed(models)
FROM requests JOIN models ON models.id = requests.model
WHERE requests.key = ?;

-- name: KeysBetween :many
SELECT key FROM requests WHERE key BETWEEN sqlc.arg(low) AND sqlc.arg(high) ORDER BY key LIMIT 10;

-- name: AllKeys :many
SELECT key FROM requests ORDER BY id;

-- name: DeleteUnusedModels :exec
DELETE FROM models WHERE NOT EXISTS (SELECT 1 FROM requests WHERE requests.model = models.id);

-- name: AnsweredKeys :many
SELECT requests.key FROM requests JOIN answers ON answers.request = requests.id ORDER BY requests.id;

-- name: AnsweredKeysOfRun :many
SELECT requests.key FROM requests JOIN answers ON answers.request = requests.id
WHERE EXISTS (SELECT 1 FROM uses WHERE uses.request = requests.id AND uses.run = ?) ORDER BY requests.id;

-- name: RunsOfCall :many
SELECT DISTINCT uses.run FROM uses JOIN requests ON requests.id = uses.request WHERE requests.key = ? ORDER BY uses.run;

-- name: PutPending :exec
INSERT INTO pending (request, run) VALUES (?, ?)
ON CONFLICT (request, run) DO NOTHING;

-- name: DeletePendingOfRun :exec
DELETE FROM pending WHERE run = ?;

-- name: Pending :many
SELECT sqlc.embed(requests), sqlc.embed(models)
FROM pending JOIN requests ON requests.id = pending.request JOIN models ON models.id = requests.model
WHERE pending.run = ? AND NOT EXISTS (SELECT 1 FROM answers WHERE answers.request = requests.id)
ORDER BY requests.paper, requests.system, requests.evaluator, requests.stage, requests.file, requests.sample, requests.key;

-- name: PendingCall :one
SELECT sqlc.embed(requests), sqlc.embed(models)
FROM requests JOIN models ON models.id = requests.model
WHERE requests.key = ? AND EXISTS (SELECT 1 FROM pending WHERE pending.request = requests.id)
    AND NOT EXISTS (SELECT 1 FROM answers WHERE answers.request = requests.id);

-- name: PutRun :exec
INSERT INTO runs (id, config, created) VALUES (?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: Runs :many
SELECT * FROM runs ORDER BY created, id;

-- name: PutUse :exec
-- A key that is not known gives NULL, which is refused.
INSERT INTO uses (run, paper, system, model, seed, evaluator, request, stage, file)
VALUES (sqlc.arg(run), sqlc.arg(paper), sqlc.arg(system), sqlc.arg(model), sqlc.arg(seed), sqlc.arg(evaluator),
    (SELECT requests.id FROM requests WHERE requests.key = sqlc.arg(key)), sqlc.arg(stage), sqlc.arg(file))
ON CONFLICT (run, paper, system, model, seed, evaluator, request) DO NOTHING;

-- name: DeleteUses :exec
DELETE FROM uses WHERE run = ? AND paper = ? AND system = ? AND model = ? AND seed = ?;

-- name: Usage :many
SELECT u.paper, u.system, u.model, u.seed, u.evaluator, u.stage,
    m.model AS call_model, a.snapshot, a.source, a.batched,
    count(*) AS calls,
    CAST(sum(a.prompt) AS INTEGER) AS prompt,
    CAST(sum(a.cached) AS INTEGER) AS cached,
    CAST(sum(a.completion) AS INTEGER) AS completion,
    CAST(sum(a.reasoning) AS INTEGER) AS reasoning,
    CAST(sum(a.elapsed) AS INTEGER) AS elapsed
FROM uses AS u
JOIN requests AS r ON r.id = u.request
JOIN models AS m ON m.id = r.model
JOIN answers AS a ON a.request = u.request
WHERE u.run = ?
GROUP BY u.paper, u.system, u.model, u.seed, u.evaluator, u.stage, m.model, a.snapshot, a.source, a.batched
ORDER BY u.paper, u.system, u.model, u.seed, u.evaluator, u.stage, m.model, a.snapshot, a.source, a.batched;

-- name: Answered :many
SELECT m.model, a.snapshot, a.source, a.batched, count(*) AS calls,
    CAST(sum(a.prompt) AS INTEGER) AS prompt,
    CAST(sum(a.cached) AS INTEGER) AS cached,
    CAST(sum(a.completion) AS INTEGER) AS completion,
    CAST(sum(a.reasoning) AS INTEGER) AS reasoning,
    CAST(sum(a.elapsed) AS INTEGER) AS elapsed
FROM answers AS a
JOIN requests AS r ON r.id = a.request
JOIN models AS m ON m.id = r.model
GROUP BY m.model, a.snapshot, a.source, a.batched
ORDER BY m.model, a.snapshot, a.source, a.batched;

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

-- name: TokenCount :one
SELECT count FROM tokens WHERE digest = ?;

-- name: PutTokenCount :exec
INSERT INTO tokens (digest, count) VALUES (?, ?)
ON CONFLICT (digest) DO NOTHING;

-- name: Budget :one
SELECT settled, open FROM budgets WHERE run = ?;

-- name: PutBudget :exec
INSERT INTO budgets (run, settled, open) VALUES (sqlc.arg(run), sqlc.arg(settled), sqlc.arg(open))
ON CONFLICT (run) DO UPDATE SET settled = settled + excluded.settled, open = open + excluded.open;

-- name: PutReservation :one
INSERT INTO reservations (run, owner, worst, made, unsent) VALUES (?, ?, ?, ?, ?) RETURNING id;

-- name: SendReservation :execrows
UPDATE reservations SET unsent = 0 WHERE id = ?;

-- name: TakeReservation :one
DELETE FROM reservations WHERE id = ? RETURNING run, worst;

-- name: Reservations :many
SELECT * FROM reservations WHERE run = ? ORDER BY id;

-- name: PutWaste :exec
INSERT INTO waste (run, paper, system, evaluator, stage, model, source, kind, prompt, cached, completion, reasoning, at, batched)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: Wasted :many
SELECT paper, system, evaluator, stage, model, source, kind, batched, count(*) AS tries,
    CAST(sum(prompt) AS INTEGER) AS prompt,
    CAST(sum(cached) AS INTEGER) AS cached,
    CAST(sum(completion) AS INTEGER) AS completion,
    CAST(sum(reasoning) AS INTEGER) AS reasoning,
    CAST(max(at) AS INTEGER) AS latest
FROM waste WHERE run = ?
GROUP BY paper, system, evaluator, stage, model, source, kind, batched
ORDER BY paper, system, evaluator, stage, model, source, kind, batched;

-- name: Unneeded :many
-- Answers that no run rests on and none will ask for: not those of a paper that has an unfinished cell.
SELECT r.id, m.model, a.snapshot, a.source, a.batched, a.prompt, a.cached, a.completion, a.reasoning, a.elapsed
FROM answers AS a
JOIN requests AS r ON r.id = a.request
JOIN models AS m ON m.id = r.model
WHERE NOT EXISTS (SELECT 1 FROM uses WHERE uses.request = r.id)
    AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.request = r.id)
    AND r.paper NOT IN (SELECT cells.paper FROM cells WHERE cells.state IN ('running', 'broken'))
ORDER BY r.id;

-- name: UnneededRequests :many
-- Requests without an answer that nobody waits for.
SELECT r.id FROM requests AS r
WHERE NOT EXISTS (SELECT 1 FROM answers WHERE answers.request = r.id)
    AND NOT EXISTS (SELECT 1 FROM uses WHERE uses.request = r.id)
    AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.request = r.id)
ORDER BY r.id;

-- name: DeleteMessages :exec
DELETE FROM messages WHERE request = ?;

-- name: DeleteRequest :exec
DELETE FROM requests WHERE id = ?;

-- name: NeededBlobs :many
SELECT tree AS digest FROM cells WHERE tree <> ''
UNION
SELECT detail AS digest FROM scores WHERE detail <> '';

-- name: CountRequests :one
SELECT count(*) FROM requests;

-- name: CountAnswers :one
SELECT count(*) FROM answers;

-- name: CountChunks :one
SELECT count(*) AS chunks, CAST(coalesce(sum(size), 0) AS INTEGER) AS size FROM chunks;
