// What /drift says: a column a card, those that drift first, the predictions next.

const VERDICTS = {
  ok: ['as the baseline', 'good'], drift: ['drift', 'bad'],
  too_few_rows: ['too few rows', 'muted'], no_baseline: ['no baseline', 'muted'],
};
const SCORES = [['psi', 'PSI'], ['js', 'JS'], ['missing', 'missing'], ['new_categories', 'new']];

function bins(column) {
  const total = Math.max(1, sum(column.bins, bin => bin.rows));
  const all = column.bins.map(bin => ({ label: bin.bin, now: bin.rows / total, reference: bin.reference ?? null }));
  // Bins at the end that are empty on both sides say nothing.
  while (all.length > 1 && !all[all.length - 1].now && !all[all.length - 1].reference) all.pop();
  return all.map(bin => ({ ...bin, title: bin.label + ': ' + percent(bin.now) + (bin.reference === null ? '' : ', baseline ' + percent(bin.reference)) }));
}

function score(column, [key, word]) {
  const [value, limit] = [column.scores?.[key], column.limits?.[key]];
  if (typeof value !== 'number') return null;
  const show = n => (key === 'psi' || key === 'js' ? n.toFixed(3) : percent(n));
  const above = column.above.includes(key);
  const said = word + ' ' + show(value) + (typeof limit === 'number' ? (above ? ' > ' : ' of ') + show(limit) : '');
  return el('span', { class: above ? 'bad' : '' }, said);
}

function card(column, width) {
  const [word, look] = VERDICTS[column.verdict] || [column.verdict, 'muted'];
  const said = column.column + ', ' + column.part + ': rows by value, now beside the baseline';
  const rows = grouped(column.rows) + (column.verdict === 'too_few_rows' && column.least_rows ? ' of ' + grouped(column.least_rows) : '') + ' rows';
  const scores = SCORES.map(one => score(column, one)).filter(Boolean);
  return el('section', { class: 'column' + (column.verdict === 'drift' ? ' drifts' : '') },
    el('h3', {}, el('span', {}, column.column + ' ', el('small', {}, column.part)), el('span', { class: look }, word)),
    histogram(bins(column), width, 64, said),
    el('p', { class: 'muted' }, rows, ...scores.flatMap(one => [' · ', one])));
}

function order(column) {
  return (column.verdict === 'drift' ? 0 : 2) + (column.part === 'prediction' ? 0 : 1);
}

/** Shows the answer, and returns the names of the columns that drift. */
function showDrift(drift) {
  at('drift').hidden = false;
  at('window').textContent = 'last ' + span(drift.covers_seconds) + ' of a window of ' + span(drift.window_seconds)
    + (drift.baseline ? '; grey: the baseline' : '; no baseline to compare with');
  // As the style sheet divides it: cards of at least 290, 12 between them, 22 of each for its edge.
  const all = at('columns').clientWidth;
  const beside = Math.max(1, Math.floor((all + 12) / 302));
  const width = Math.max(200, Math.floor((all - 12 * (beside - 1)) / beside) - 22);
  const sorted = [...drift.columns].sort((a, b) => order(a) - order(b));
  at('columns').replaceChildren(...sorted.map(column => card(column, width)));
  return drift.columns.filter(column => column.verdict === 'drift').map(column => column.column);
}
