// The pipeline as a picture: boxes in rows, arrows between them, and where rejects go. It is drawn anew with each answer.

const HIGH = 72;

/** What stands in the boxes. `figures` is null before the second answer. */
function boxes(picture, steps, figures) {
  const name = end => end.topics.length ? end.topics.join(', ') : end.pattern || '';
  const load = (share, word) => ({ share, said: share === undefined ? '' : (word ? word + ' ' : '') + percent(share) });
  const middle = (picture ? picture.steps : steps.map(step => ({ kind: step.stage, name: null }))).map((step, nth) => ({
    kind: 'step ' + (nth + 1), name: step.kind + (step.name ? ' ' + step.name : ''), ...load(figures?.steps[nth]?.load), stage: step.kind,
  }));
  const [source, sink] = picture ? [picture.source, picture.sink] : [{ kind: '', topics: [] }, { kind: '', topics: [] }];
  return [
    { kind: 'source ' + source.kind, name: name(source), ...load(figures?.poll, 'waits'), waits: true },
    { kind: 'decode', name: source.format || 'decode', ...load(figures?.decode), stage: 'decode' },
    ...middle,
    { kind: 'encode', name: sink.format || 'encode', ...load(figures?.encode), stage: 'encode' },
    { kind: 'sink ' + sink.kind, name: name(sink), ...load(figures?.write) },
  ];
}

/** Records a second from each box to the next. */
function flows(count, figures) {
  if (!figures) return Array(count - 1).fill(null);
  const first = figures.in - figures.rejectsOf('decode') - figures.rejectsOf('schema');
  const into = figures.steps.map(step => step.rows);
  const last = figures.steps[figures.steps.length - 1];
  const behind = last ? last.rows - last.gone : first;
  const steps = Array.from({ length: count - 4 }, (_, nth) => into[nth] ?? null);
  return [figures.in, ...steps, Math.max(0, behind), figures.out].slice(0, count - 1);
}

function clipped(text, room, wide) {
  const most = Math.max(3, Math.floor(room / wide));
  return text.length > most ? text.slice(0, most - 1) + '…' : text;
}

function box(one, x, y, width) {
  const share = Math.min(1, one.share || 0);
  const look = one.waits ? 'fill-wait' : share > 0.6 ? 'fill-two' : 'fill-one';
  return svg('g', {}, svg('title', {}, one.kind + ' ' + one.name),
    svg('rect', { class: 'box' + (one.lost ? ' lost' : ''), x, y, width, height: HIGH, rx: 8 }),
    svg('text', { class: 'muted', x: x + 10, y: y + 18 }, clipped(one.kind, width - 18, 7.2)),
    svg('text', { x: x + 10, y: y + 37 }, clipped(one.name, width - 18, 8)),
    svg('text', { class: 'muted', x: x + 10, y: y + 55 }, one.said || '–'),
    one.lost ? '' : svg('rect', { class: 'track', x: x + 10, y: y + 60, width: width - 20, height: 6, rx: 3 }),
    one.lost ? '' : svg('rect', { class: look, x: x + 10, y: y + 60, width: ((width - 20) * share).toFixed(1), height: 6, rx: 3 }));
}

const DOWN = (x, y) => `M${x} ${y}l-5 -8h10z`;
const RIGHT = (x, y) => `M${x} ${y}l-8 -5v10z`;
const LEFT = (x, y) => `M${x} ${y}l8 -5v10z`;

function arrow(path, head, rate, look) {
  const moves = rate > 0 ? look : '';
  const width = rate > 0 ? Math.min(6, 1.5 + 0.8 * Math.log10(1 + rate)) : 1.5;
  return svg('g', {}, svg('path', { class: 'edge ' + moves, d: path, 'stroke-width': width.toFixed(1) }), svg('path', { class: 'head ' + moves, d: head }));
}

/** Where each box stands: all in a row, in several rows, or one below the other. */
function places(count, width) {
  const [gap, margin] = [86, 26];
  const fit = Math.floor((width - margin + gap) / (112 + gap));
  const columns = fit < 3 ? 1 : Math.ceil(count / Math.ceil(count / fit));
  const wide = columns === 1 ? Math.min(320, width - margin) : Math.min(230, (width - margin - gap * (columns - 1)) / columns);
  const below = columns === 1 ? 36 : 62;
  const place = nth => ({ x: 1 + (nth % columns) * (wide + gap), y: 6 + Math.floor(nth / columns) * (HIGH + below), row: Math.floor(nth / columns) });
  return { columns, wide, below, place };
}

function lost(picture, figures) {
  const rejects = picture ? picture.rejects : { go: 'drop', topic: null };
  const rate = figures ? figures.rejects : 0;
  const words = { dead_letters: ['dead letters', rejects.topic || ''], drop: ['rejects', 'dropped'], stop: ['rejects', 'stop the pipeline'] };
  const [kind, name] = words[rejects.go] || ['rejects', ''];
  return { kind, name, lost: true, rate, said: figures ? short(rate) + '/s' : '' };
}

/** The picture. */
function flow(picture, steps, figures, width) {
  const all = boxes(picture, steps, figures);
  const rates = flows(all.length, figures);
  const { columns, wide, below, place } = places(all.length, width);
  const drawn = svg('svg', { role: 'img' });
  const label = (rate, x, y, anchor) => rate === null ? '' : svg('text', { class: 'muted', x, y, 'text-anchor': anchor }, short(rate) + '/s');
  all.slice(1).forEach((_, nth) => {
    const [from, to] = [place(nth), place(nth + 1)];
    const [y, rate] = [from.y + HIGH / 2, rates[nth]];
    if (columns === 1) {
      const x = from.x + wide / 2;
      drawn.append(arrow(`M${x} ${from.y + HIGH}V${to.y - 7}`, DOWN(x, to.y - 1), rate, 'moves'), label(rate, x + 12, from.y + HIGH + below / 2 + 4, 'start'));
    } else if (from.row === to.row) {
      drawn.append(arrow(`M${from.x + wide} ${y}H${to.x - 7}`, RIGHT(to.x - 1, y), rate, 'moves'), label(rate, (from.x + wide + to.x) / 2 - 3, y - 9, 'middle'));
    } else {
      const [x, turn] = [to.x + wide / 2, from.y + HIGH + below - 18];
      drawn.append(arrow(`M${from.x + wide * 0.7} ${from.y + HIGH}V${turn}H${x}V${to.y - 7}`, DOWN(x, to.y - 1), rate, 'moves'), label(rate, x + 12, to.y - 24, 'start'));
    }
  });
  const end = place(all.length - 1);
  const to = lost(picture, figures);
  const [x, y] = [end.x, end.y + HIGH + (columns === 1 ? below : 30)];
  const hurts = to.rate > 0 ? 'hurts' : '';
  const side = columns === 1 ? wide + 14 : place(columns - 1).x + wide + 14;
  let bus = '';
  all.forEach((one, nth) => {
    if (!one.stage) return;
    const from = place(nth);
    bus += columns === 1 ? `M${from.x + wide} ${from.y + HIGH / 2}H${side}` : `M${from.x + wide * 0.5} ${from.y + HIGH}V${from.y + HIGH + 14}H${side}`;
  });
  const top = columns === 1 ? place(1).y + HIGH / 2 : place(0).y + HIGH + 14;
  drawn.append(svg('path', { class: 'edge rejects ' + hurts, d: bus + `M${side} ${top}V${y + HIGH / 2}H${x + wide + 7}` }),
    svg('path', { class: 'head ' + hurts, d: LEFT(x + wide + 1, y + HIGH / 2) }));
  all.forEach((one, nth) => drawn.append(box(one, place(nth).x, place(nth).y, wide)));
  drawn.append(box(to, x, y, wide));
  const said = all.map((one, nth) => [one.kind, one.name, one.said, nth < rates.length && rates[nth] !== null ? 'gives ' + short(rates[nth]) + '/s' : ''].filter(Boolean).join(' '));
  const height = y + HIGH + 4;
  return fill(drawn, { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-label': [...said, to.kind + ' ' + to.name + ' ' + to.said].join('; ') }, []);
}
