// Elements and pictures of numbers. Whatever comes from outside becomes text, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(made, attributes, parts) {
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...parts.filter(part => part !== null));
  return made;
}

const el = (name, attributes, ...parts) => fill(document.createElement(name), attributes, parts);
const svg = (name, attributes, ...parts) => fill(document.createElementNS(SVG, name), attributes, parts);
const at = id => document.getElementById(id);

const grouped = n => Math.round(n).toLocaleString('en-US');
const percent = share => (share * 100).toFixed(share < 0.0995 ? 1 : 0) + ' %';

function short(n) {
  if (n >= 1e6) return (n / 1e6).toPrecision(3) + ' M';
  return n >= 99.95 || Number.isInteger(n) ? grouped(n) : n.toFixed(1);
}

function span(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (!Number.isFinite(seconds)) return 'never';
  if (seconds === 0) return '0 ms';
  if (seconds < 1) return (seconds * 1e3).toPrecision(seconds < 0.0995 ? 2 : 3) + ' ms';
  if (seconds < 100) return seconds.toFixed(1) + ' s';
  const [d, h, min, s] = [seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(Math.floor);
  if (d) return d + ' d ' + h + ' h';
  return h ? h + ' h ' + min + ' min' : min + ' min ' + s + ' s';
}

/** A number of two digits at least as large: where an axis ends. */
function ceiling(n) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(n, 1e-9)));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map(step => step * unit).find(end => end >= n * 0.9999);
}

/** Lines over time. `lines` are {name, look, values}; `points` tell when; both are as long. */
function chart(lines, points, show, width) {
  const [height, top, bottom] = [132, 18, 112];
  const now = points.length ? points[points.length - 1] : 0;
  const covers = Math.min(300, Math.max(30, now - (points[0] || 0)));
  const highest = Math.max(0, ...lines.flatMap(line => line.values.filter(value => value !== null)));
  const end = highest > 0 ? ceiling(highest) : 1;
  const x = t => (width * (t - now + covers) / covers).toFixed(1);
  const y = value => (bottom - (bottom - top) * value / end).toFixed(1);
  const said = lines.map(line => line.name + ' ' + show(line.values[line.values.length - 1] ?? null)).join(', ');
  const drawn = svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': said + '; highest ' + show(highest) },
    svg('line', { class: 'axis', x1: 0, x2: width, y1: top, y2: top, 'stroke-dasharray': '2 4' }),
    svg('line', { class: 'axis', x1: 0, x2: width, y1: bottom, y2: bottom }),
    svg('text', { class: 'muted', x: 0, y: top - 5 }, show(end)),
    svg('text', { class: 'muted', x: 0, y: height - 4 }, span(covers).replace('.0', '') + ' ago'),
    svg('text', { class: 'muted', x: width, y: height - 4, 'text-anchor': 'end' }, 'now'));
  for (const { look, values } of lines) {
    let path = '';
    values.forEach((value, i) => {
      if (value === null || points[i] < now - covers) return;
      const starts = path === '' || values[i - 1] === null || values[i - 1] === undefined;
      path += (starts ? 'M' : 'L') + x(points[i]) + ' ' + y(value);
      // A point without neighbours would not be seen.
      if (starts && (values[i + 1] ?? null) === null) path += 'h.1';
    });
    drawn.append(svg('path', { class: 'line ' + look, d: path, 'stroke-linecap': 'round' }));
  }
  const key = lines.map(({ name, look, values }) =>
    el('span', {}, el('i', { class: look === 'one' ? 'fill-one' : 'fill-two' }), name + ' ' + show(values[values.length - 1] ?? null)));
  return [drawn, el('p', { class: 'key' }, ...key)];
}

/** A share as a bar; its length is set by script, which the policy allows, and not in markup, which it forbids. */
function bar(share, look) {
  const inner = el('i', { class: look });
  inner.style.width = (100 * Math.min(1, Math.max(0, share))).toFixed(1) + '%';
  return el('dd', { class: 'bar track', 'aria-hidden': 'true' }, inner);
}

/** Bars side by side: {label, title, now, reference} with shares; a reference of null has no bar. */
function histogram(bins, width, height, said) {
  const highest = Math.max(1e-9, ...bins.flatMap(bin => [bin.now, bin.reference ?? 0]));
  const step = width / Math.max(1, bins.length);
  const paired = bins.some(bin => bin.reference !== null);
  const wide = Math.min(28, step * (paired ? 0.42 : 0.8));
  const drawn = svg('svg', { width, height: height + 18, viewBox: `0 0 ${width} ${height + 18}`, role: 'img', 'aria-label': said });
  bins.forEach((bin, i) => {
    const middle = step * (i + 0.5);
    const tall = share => (share > 0 ? Math.max(1.5, height * share / highest) : 0);
    const block = (share, x, look) =>
      svg('rect', { class: look, x: x.toFixed(1), y: (height - tall(share)).toFixed(1), width: wide.toFixed(1), height: tall(share).toFixed(1) });
    drawn.append(svg('g', {}, svg('title', {}, bin.title),
      paired ? block(bin.reference ?? 0, middle - wide, 'fill-base') : '',
      block(bin.now, paired ? middle : middle - wide / 2, 'fill-one')));
  });
  drawn.append(svg('line', { class: 'axis', x1: 0, x2: width, y1: height, y2: height }));
  // As many labels as have room, the first one always.
  let free = 0;
  bins.forEach((bin, i) => {
    const label = bin.label.length > 14 ? bin.label.slice(0, 13) + '…' : bin.label;
    const room = label.length * 7.2 + 8;
    const from = Math.min(Math.max(0, step * (i + 0.5) - room / 2), width - room);
    if (from < free || room > width) return;
    free = from + room;
    drawn.append(svg('text', { class: 'muted', x: (from + room / 2).toFixed(1), y: height + 14, 'text-anchor': 'middle' }, label));
  });
  return drawn;
}

/** A table: `heads` are names, those that begin with # of numbers; cells are strings or elements. */
function table(caption, heads, rows) {
  const look = i => (heads[i].startsWith('#') ? { class: 'n' } : {});
  return el('table', {}, el('caption', { class: caption ? '' : 'heard' }, caption || 'figures'),
    el('thead', {}, el('tr', {}, ...heads.map((head, i) => el('th', { scope: 'col', ...look(i) }, head.replace('#', ''))))),
    el('tbody', {}, ...rows.map(row => el('tr', {}, ...row.map((cell, i) => el('td', look(i), cell))))));
}
