// From answers of /status to figures of an interval. Counters only rise; an answer with a smaller uptime is another process's.

/** Figures that change are those of so many seconds. */
const RECENT = 5;
/** How long answers are kept, in seconds. */
const KEPT = 300;

const sum = (all, of) => all.reduce((total, one) => total + of(one), 0);

function addUp(pairs) {
  const all = new Map();
  for (const [key, n] of pairs) all.set(key, (all.get(key) || 0) + n);
  return all;
}

/** The partitions of all lanes, the one first whose records wait longest. */
function lags(status) {
  const all = status.lanes.flatMap(lane => lane.lags || []);
  return all.sort((a, b) => (b.seconds ?? -1) - (a.seconds ?? -1) || b.records - a.records);
}

/** One answer, added up over lanes. */
function sample(status) {
  const lanes = status.lanes;
  const of = path => sum(lanes, lane => path.split('.').reduce((value, key) => value[key], lane));
  const steps = Math.max(0, ...lanes.map(lane => lane.steps.length));
  const step = nth => {
    const all = lanes.map(lane => lane.steps[nth]).filter(Boolean);
    return { stage: all[0].stage, seconds: sum(all, s => s.seconds), rows: sum(all, s => s.rows), gone: sum(all, s => s.gone) };
  };
  return {
    t: status.uptime_seconds, lanes: lanes.length, lag: of('lag_records'), late: lags(status)[0]?.seconds ?? null, batches: of('batches'),
    consumed: of('records.consumed'), delivered: of('records.delivered'), filtered: of('records.filtered'),
    dead_lettered: of('records.dead_lettered'), dropped: of('records.dropped'), abandoned: of('records.abandoned'),
    in_flight: of('records.in_flight'), bytes_in: of('bytes.consumed'), bytes_out: of('bytes.written'),
    poll: of('seconds.poll'), decode: of('seconds.decode'), encode: of('seconds.encode'), write: of('seconds.write'),
    steps: Array.from({ length: steps }, (_, nth) => step(nth)),
    rejects: addUp(lanes.flatMap(lane => lane.rejects.map(r => [r.stage + '\n' + r.reason, r.count]))),
    rows: addUp(lanes.flatMap(lane => lane.batch_rows)),
    closed: addUp(lanes.flatMap(lane => Object.entries(lane.closed))),
    latency: addUp(status.latency_seconds.buckets),
  };
}

/** Counts that came since. */
function since(now, before) {
  return [...now].map(([key, n]) => [key, n - (before.get(key) || 0)]).filter(([, n]) => n > 0);
}

/** The upper end of the bucket that holds a quantile; null where nothing was observed. */
function quantile(buckets, q) {
  const sorted = buckets.sort(([a], [b]) => a - b);
  const rank = Math.max(1, Math.ceil(q * sum(sorted, ([, n]) => n)));
  let seen = 0;
  const found = sorted.find(([, n]) => (seen += n) >= rank);
  return found ? found[0] : null;
}

/** What happened between two samples; nothing is known of the time before the first. */
function between(before, now) {
  const seconds = now.t - before.t;
  if (!(seconds > 0)) return null;
  const rate = key => (now[key] - before[key]) / seconds;
  const load = (mine, theirs) => Math.max(0, mine - theirs) / seconds / Math.max(1, now.lanes);
  const of = nth => before.steps[nth] || { seconds: 0, rows: 0, gone: 0 };
  const latency = since(now.latency, before.latency);
  const rejects = stage => sum(since(now.rejects, before.rejects).filter(([key]) => key.startsWith(stage + '\n')), ([, n]) => n) / seconds;
  return {
    seconds, in: rate('consumed'), out: rate('delivered'), filtered: rate('filtered'),
    lost: rate('dead_lettered') + rate('dropped'), bytes_in: rate('bytes_in'), bytes_out: rate('bytes_out'),
    rejects: sum(since(now.rejects, before.rejects), ([, n]) => n) / seconds, rejectsOf: rejects,
    rowsPerBatch: now.batches > before.batches ? (now.consumed - before.consumed) / (now.batches - before.batches) : null,
    p50: quantile(latency, 0.5), p99: quantile(latency, 0.99),
    poll: load(now.poll, before.poll), decode: load(now.decode, before.decode),
    encode: load(now.encode, before.encode), write: load(now.write, before.write),
    steps: now.steps.map((step, nth) => ({
      stage: step.stage, load: load(step.seconds, of(nth).seconds),
      rows: (step.rows - of(nth).rows) / seconds, gone: (step.gone - of(nth).gone) / seconds,
    })),
  };
}

/** The answers of the last minutes, and a point a piece for the charts. */
class Past {
  constructor() { this.samples = []; this.points = []; }

  take(status) {
    const now = sample(status);
    const last = this.samples[this.samples.length - 1];
    if (last && (now.t < last.t || now.lanes !== last.lanes)) { this.samples = []; this.points = []; }
    const before = this.samples[this.samples.length - 1];
    const one = before ? between(before, now) : null;
    if (before && !one) return;
    this.samples.push(now);
    this.points.push({ t: now.t, lag: now.lag, late: now.late, in: one?.in ?? null, out: one?.out ?? null, p50: one?.p50 ?? null, p99: one?.p99 ?? null });
    while (this.samples[0].t < now.t - KEPT) { this.samples.shift(); this.points.shift(); }
  }

  get now() { return this.samples[this.samples.length - 1]; }

  /** Since the newest answer that is old enough, or the oldest. */
  recent(seconds = RECENT) {
    const now = this.now;
    const before = this.samples.filter(one => one.t <= now.t - seconds * 0.9).pop() || this.samples[0];
    return between(before, now);
  }
}
