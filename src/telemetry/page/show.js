// From figures to what stands on the page.

const wide = id => Math.max(200, Math.floor(at(id).clientWidth));

function tile(name, value, more) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value, el('small', {}, more)));
}

function tiles(status, now, f) {
  const a = (value, show) => (value === null || value === undefined ? '–' : show(value));
  const rate = value => short(value) + '/s';
  const mega = bytes => (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0) + ' MB/s';
  at('tiles').replaceChildren(
    tile('Records in', a(f?.in, rate), a(f?.bytes_in, mega)),
    tile('Results out', a(f?.out, rate), a(f?.bytes_out, mega)),
    tile('Lag', grouped(now.lag), now.late === null ? 'records' : 'for ' + span(now.late)),
    tile('Latency p50', a(f?.p50, span), 'p99 ' + a(f?.p99, span)),
    tile('Lanes busy', a(f?.poll, poll => percent(Math.max(0, 1 - poll))), now.lanes + (now.lanes === 1 ? ' lane' : ' lanes')),
    tile('Rejects', a(f?.rejects, rate), grouped(sum([...now.rejects], ([, n]) => n)) + ' in all'));
}

function charts(past) {
  const times = past.points.map(point => point.t);
  const line = (name, look, key) => ({ name, look, values: past.points.map(point => point[key]) });
  const draw = (id, lines, show) => at(id).replaceChildren(...chart(lines, times, show, wide(id)));
  draw('rate', [line('in', 'one', 'in'), line('out', 'two-line', 'out')], value => (value === null ? '–' : short(value) + '/s'));
  draw('latency', [line('p50', 'one', 'p50'), line('p99', 'two-line', 'p99')], span);
  draw('lag', [line('records', 'one', 'lag')], value => (value === null ? '–' : short(value)));
  draw('late', [line('first waits', 'two-line', 'late')], span);
}

const named = lag => lag.topic + '-' + lag.partition;
const stateOf = lag => el('span', { class: lag.state === 'ok' ? '' : 'bad' }, lag.state);

function furthest(lag) {
  if (!lag) return ['No partition is assigned.'];
  if (!lag.records) return ['Nothing waits.'];
  const first = lag.seconds === null ? '' : ', the first for ' + span(lag.seconds);
  return ['Furthest behind: ', el('b', {}, named(lag)), ', ', stateOf(lag), `, ${grouped(lag.records)} records wait${first}.`];
}

/** Until all is worked off, where that is known. */
function drained(lag) {
  if (!lag.records || lag.drain_seconds === undefined) return '–';
  return span(lag.drain_seconds ?? Infinity);
}

function partitions(status) {
  const all = lags(status);
  at('furthest').replaceChildren(...furthest(all[0]));
  const rows = all.slice(0, 50).map(lag => [named(lag), stateOf(lag), grouped(lag.records), span(lag.seconds), drained(lag)]);
  const caption = all.length > rows.length ? `the ${rows.length} furthest behind of ${all.length} partitions` : 'partitions';
  at('partitions').replaceChildren(table(caption, ['partition', 'state', '#records', '#first waits', '#drained in'], rows));
}

function stages(picture, f) {
  if (!f) return at('stages').replaceChildren(el('p', { class: 'muted' }, 'after the next answer'));
  const name = nth => picture?.steps[nth] ? picture.steps[nth].kind + ' ' + (picture.steps[nth].name || '') : f.steps[nth].stage;
  const known = [['waits for records', f.poll, 'fill-wait'], ['decode', f.decode, 'fill-one'],
    ...f.steps.map((step, nth) => [nth + 1 + ' ' + name(nth), step.load, 'fill-one']), ['encode', f.encode, 'fill-one'], ['write', f.write, 'fill-one']];
  const rest = Math.max(0, 1 - sum(known, ([, share]) => share));
  const bars = [...known, ['the rest', rest, 'fill-base']].flatMap(([what, share, look]) => [el('dt', {}, what), bar(share, look), el('dd', { class: 'n' }, percent(Math.min(1, share)))]);
  at('stages').replaceChildren(el('dl', { class: 'bars' }, ...bars));
}

function batches(past, f) {
  const first = past.samples.length > 1 ? past.samples[0] : { rows: new Map(), closed: new Map() };
  const rows = since(past.now.rows, first.rows).sort(([a], [b]) => a - b);
  const total = sum(rows, ([, n]) => n);
  if (!total) return at('batches').replaceChildren(el('p', { class: 'muted' }, 'no batch lately'));
  const bins = rows.map(([most, n]) => ({ label: '≤' + short(most), now: n / total, reference: null, title: 'at most ' + grouped(most) + ' rows: ' + grouped(n) + ' batches' }));
  const closed = since(past.now.closed, first.closed);
  const why = closed.map(([word, n]) => word + ' ' + percent(n / Math.max(1, sum(closed, ([, m]) => m)))).join(', ');
  const mean = f && f.rowsPerBatch !== null ? short(f.rowsPerBatch) + ' rows a batch now; ' : '';
  at('batches').replaceChildren(histogram(bins, wide('batches'), 92, 'batches by rows'), el('p', { class: 'key' }, mean + 'closed: ' + why));
}

function records(now) {
  const names = [['consumed', 'consumed'], ['delivered', 'delivered'], ['filtered', 'filtered'], ['dead-lettered', 'dead_lettered'],
    ['dropped', 'dropped'], ['abandoned', 'abandoned'], ['in flight', 'in_flight'], ['batches', 'batches']];
  const one = ([name, key]) => el('div', {}, el('dt', {}, name), el('dd', { 'data-figure': key }, grouped(now[key])));
  at('records').replaceChildren(el('dl', { class: 'pairs' }, ...names.map(one)));
}

function rejects(now, f, past) {
  const all = [...now.rejects].sort(([, a], [, b]) => b - a);
  if (!all.length) return at('rejects').replaceChildren(el('p', { class: 'muted' }, 'none'));
  const lately = new Map(since(now.rejects, past.samples.length > 1 ? past.samples[0].rejects : now.rejects));
  const row = ([key, n]) => {
    const cut = key.indexOf('\n');
    return [key.slice(0, cut), key.slice(cut + 1), grouped(n), grouped(lately.get(key) || 0)];
  };
  at('rejects').replaceChildren(table('', ['stage', 'reason', '#in all', '#lately'], all.slice(0, 50).map(row)));
}

function lanes(status) {
  const state = lane => {
    if (lane.heartbeat_age_seconds === null) return 'is starting';
    if (!lane.joined) return 'joins its group';
    return lane.waiting ? 'waits for something outside' : lane.partitions ? 'runs' : 'stands by';
  };
  const rows = status.lanes.map((lane, nth) => [String(nth), state(lane), grouped(lane.partitions), grouped(lane.records.consumed), grouped(lane.records.in_flight),
    grouped(lane.lag_records), grouped(lane.commits), grouped(lane.retries), lane.heartbeat_age_seconds === null ? '–' : span(lane.heartbeat_age_seconds)]);
  at('lanes').replaceChildren(table('', ['lane', 'state', '#partitions', '#consumed', '#in flight', '#lag', '#commits', '#retries', '#turned, ago'], rows));
}

/** Shows the last answer. */
function show(status, past) {
  const [now, f] = [past.now, past.recent()];
  at('name').textContent = status.pipeline;
  at('about').textContent = 'Forebay ' + status.version + ', up ' + span(Math.floor(status.uptime_seconds)).replace('.0', '');
  const ready = at('ready');
  ready.hidden = false;
  ready.className = 'badge ' + (status.ready ? 'good' : 'bad');
  ready.textContent = status.ready ? 'ready' : 'not ready: ' + status.missing;
  document.title = (status.ready ? '' : '(not ready) ') + status.pipeline + ' – Forebay';
  at('all').hidden = false;
  tiles(status, now, f);
  at('flow').replaceChildren(flow(status.picture, now.steps, f, wide('flow')));
  charts(past);
  partitions(status);
  stages(status.picture, f);
  batches(past, f);
  records(now);
  rejects(now, f, past);
  lanes(status);
}
