// Asks the process, and says when it does not answer. Asks nobody else; the token stays in this variable.

const VISIBLE_MS = 1000;
const HIDDEN_MS = 5000;
const DRIFT_MS = 5000;
const LATE_MS = 5000;

const past = new Past();
let token = null;
let paused = false;
let busy = false;
let timer = 0;
let status = null;
let answered = null;
let driftAt = -Infinity;
let said = '';

async function get(path) {
  const late = new AbortController();
  const ends = setTimeout(() => late.abort(), LATE_MS);
  // A header holds bytes.
  const bytes = token === null ? '' : String.fromCharCode(...new TextEncoder().encode(token));
  const headers = token === null ? {} : { authorization: 'Bearer ' + bytes };
  try {
    const answer = await fetch(path, { headers, cache: 'no-store', credentials: 'omit', redirect: 'error', signal: late.signal });
    return { code: answer.status, body: answer.ok ? await answer.json() : null };
  } finally {
    clearTimeout(ends);
  }
}

/** For those who hear the page: what changed, once. */
function news(text) {
  if (text !== said) at('news').textContent = said = text;
}

const moment = () => at('ready').textContent + (at('drifting').hidden ? '' : '; ' + at('drifting').textContent);

function gone(why) {
  const now = new Date();
  const since = answered ? answered.toLocaleTimeString('en-GB') : null;
  const seconds = answered ? Math.round((now - answered) / 1000) : 0;
  at('gone').hidden = false;
  at('gone').textContent = since ? `No answer since ${since} (${span(seconds)}): ${why}. The figures are the last ones.` : `No answer yet: ${why}.`;
  document.body.classList.add('stale');
  document.title = '(no answer) ' + (status ? status.pipeline + ' – ' : '') + 'Forebay';
}

function ask() {
  // Text that a person writes is not thrown away.
  at('wrong').hidden = token === null;
  if (!at('ask').hidden && token === null) return;
  token = null;
  at('ask').hidden = false;
  at('all').hidden = true;
  at('token').value = '';
  at('token').focus();
}

async function drift() {
  const now = performance.now();
  if (now - driftAt < DRIFT_MS - 200) return;
  driftAt = now;
  const { code, body } = await get('drift');
  // Without a `drift` section there is nothing to ask for, until another process answers.
  if (code === 404) driftAt = now + 60_000;
  if (!body) {
    at('drift').hidden = at('drifting').hidden = true;
    return;
  }
  const columns = showDrift(body);
  at('drifting').hidden = columns.length === 0;
  at('drifting').className = 'badge bad';
  at('drifting').textContent = columns.length > 3 ? `drift in ${columns.length} columns` : 'drift: ' + columns.join(', ');
}

async function look() {
  if (busy || paused) return;
  clearTimeout(timer);
  busy = true;
  try {
    const { code, body } = await get('status');
    if (code === 401) {
      ask();
      return;
    }
    if (!body) throw new Error('it answers with ' + code);
    at('ask').hidden = at('gone').hidden = true;
    document.body.classList.remove('stale');
    if (status && body.uptime_seconds < status.uptime_seconds) driftAt = -Infinity;
    [status, answered] = [body, new Date()];
    past.take(body);
    show(status, past);
    await drift();
    news(moment());
  } catch (error) {
    gone(/^it answers/.test(error.message) ? error.message : 'the process has ended, hangs, or cannot be reached from here');
  } finally {
    busy = false;
    // Who is asked for a token does not ask on.
    if (at('ask').hidden) timer = setTimeout(look, document.hidden ? HIDDEN_MS : VISIBLE_MS);
  }
}

at('ask').addEventListener('submit', event => {
  event.preventDefault();
  token = at('token').value;
  driftAt = -Infinity;
  look();
});
at('pause').addEventListener('click', () => {
  paused = !paused;
  at('pause').setAttribute('aria-pressed', String(paused));
  look();
});
document.addEventListener('visibilitychange', () => { if (!document.hidden && at('ask').hidden) look(); });
addEventListener('resize', () => { if (status && !at('all').hidden) show(status, past); });
look();
