// The page: what is asked of the server, what a person does, and what is written down of it.
// Everything that comes from data enters the document as a text node or a form value (see `el`), never as markup.

import {Stage, svg} from './draw.js';

const $ = id => document.getElementById(id);
const REVIEW = [['', 'all rows'], ['unseen', 'not judged by me'], ['accept', 'accepted by me'], ['reject', 'rejected by me'],
  ['fix', 'fixed by me'], ['disputed', 'disputed']];
const ANSWER = [['', 'all rows'], ['unseen', 'not answered by me']];
const SAID = {accept: 'accepted', reject: 'rejected', fix: 'fixed', note: 'noted', answer: 'answered', nothing: 'took it back'};
const WORDS = ['name', 'synonyms', 'category', 'colors', 'shape', 'material', 'use', 'printed'], LISTS = ['synonyms', 'colors'];
const KEYS = [['A', 'accept'], ['R', 'reject'], ['F', 'save the fix'], ['D', 'doubt'], ['C', 'comment'], ['U / ⇧U', 'undo / redo'],
  ['← →', 'previous, next row'], ['Y / N', 'yes, no (answer mode)'], ['Enter', 'send the answer (answer mode)'],
  ['Backspace', 'take back the last point set'], ['1 2 3 4', 'layers'], ['+ − 0', 'zoom in, out, fit'], ['Esc', 'drop changes'],
  ['wheel', 'zoom'], ['drag', 'move a point, or the picture'], ['arrows', 'move the chosen point by 1 px, with ⇧ by 10'],
  ['double click', 'add a point to a path or a list'], ['Delete', 'remove the chosen point of those']];

const page = {session: null, annotator: '', mode: 'review', row: null, draft: null, objects: [], object: 0, undo: 0, redo: 0, ahead: null};
const stage = new Stage($('picture'), points => edit({points: points.map(p => [...p])}));

// -- small things -----------------------------------------------------------------------------------------------------
function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'class') element.className = value;
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
}
const button = (words, key, properties) => el('button', {type: 'button', ...properties}, words, key ? el('kbd', {}, key) : null);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const count = n => Number(n).toLocaleString('en');
const time = at => new Date(at).toLocaleString(undefined, {dateStyle: 'short', timeStyle: 'short'});
const parsed = text => [...text.matchAll(/\[\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*\]/g)].map(m => [Number(m[1]), Number(m[2])]);
const wait = ms => new Promise(done => setTimeout(done, ms));
const fresh = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(16).padStart(2, '0')).join('');

function told(words, wrong = false) {
  $('status').textContent = words;
  $('status').classList.toggle('wrong', wrong);
}

function written(task, points) { // as the server writes it
  const pairs = points.map(([u, v]) => `[${Math.round(u)}, ${Math.round(v)}]`);
  return task === 'grasp' ? pairs.map((pair, i) => `${page.row.form.names[i]}: ${pair}`).join(', ') : `[${pairs.join(', ')}]`;
}

// -- the server -------------------------------------------------------------------------------------------------------
async function get(path, query = {}) {
  const reply = await fetch(`${path}?${new URLSearchParams(query)}`, {cache: 'no-store'});
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.error ?? reply.statusText);
  return body;
}

let queue = Promise.resolve();
const write = (path, body) => (queue = queue.then(() => send(path, {...body, annotator: page.annotator, request: fresh()})));

// Until the server has it: the same request may arrive twice and counts once. Returns its reply, or {error, status}.
async function send(path, body) {
  told('Saving …');
  for (let pause = 300; ; pause = Math.min(pause * 2, 5000)) {
    try {
      const headers = {'content-type': 'application/json', 'x-bopask-review': page.session.secret};
      const reply = await fetch(path, {method: 'POST', headers, body: JSON.stringify(body)});
      const said = await reply.json();
      if (reply.status === 403) { // the server was started anew
        const {secret} = await get('/api/session');
        if (secret === page.session.secret) return {...said, status: 403};
        page.session.secret = secret;
        continue;
      }
      if (reply.status >= 500) throw new Error(said.error);
      told(reply.ok ? 'Saved' : said.error, !reply.ok);
      return reply.ok ? said : {...said, status: reply.status};
    } catch (error) {
      told('Not saved yet: the server does not answer. Trying again …', true);
      await wait(pause);
    }
  }
}

// -- which row --------------------------------------------------------------------------------------------------------
function choice() {
  return {annotator: page.annotator, mode: page.mode, task: $('task').value, subtask: $('subtask').value, dataset: $('dataset').value,
    verdict: $('verdict').value, doubt: $('doubted').checked ? 'yes' : '', order: $('order').value};
}

async function go(by, from = page.row?.id ?? '') {
  const query = {...choice(), from, by}, key = JSON.stringify(query);
  try {
    const ahead = page.ahead?.key === key ? await page.ahead.found : null; // its row is right, its counts may be old
    page.ahead = null;
    arrive(ahead?.row ? {...ahead, undo: page.undo, redo: page.redo} : await get('/api/next', query));
  } catch (error) {
    told(error.message, true);
  }
}

function counted(found, place = found.place) {
  $('place').textContent = `${count(Math.min(Math.max(place, 1), found.open))} of ${count(found.open)}`;
  $('bar').value = found.total ? found.done / found.total : 0;
  $('done').textContent = `${count(found.done)} of ${count(found.total)} ${page.mode === 'answer' ? 'answered' : 'judged'}`;
}

function arrive(found) {
  Object.assign(page, {undo: found.undo, redo: found.redo});
  counted(found);
  if (found.row || !page.row || !found.open) return show(found.row);
  show(page.row);
  told('No further row under these filters.');
}

function show(row) {
  page.row = row;
  page.draft = row && (stored(row) ?? begun(row));
  remember();
  panel();
  if (!row) {
    stage.clear();
    $('nothing').textContent = 'No row under these filters.';
  }
  $('nothing').hidden = Boolean(row);
  if (row) lookAhead();
}

function lookAhead() { // the next row and its picture are there before they are wanted
  const query = {...choice(), from: page.row.id, by: 1}, key = JSON.stringify(query);
  const ahead = page.ahead = {key, found: get('/api/next', query)};
  ahead.found.then(found => {
    if (page.ahead !== ahead) return;
    counted(found, found.place - 1);
    if (found.row) new Image().src = found.row.picture;
  }, () => { if (page.ahead === ahead) page.ahead = null; });
}

function remember() { // so that a reload comes back to the same place
  const state = new URLSearchParams({mode: page.mode, ...(page.row ? {id: page.row.id} : {}),
    ...Object.fromEntries(['task', 'subtask', 'dataset', 'verdict', 'order'].map(f => [f, $(f).value]).filter(([, v]) => v)),
    ...($('doubted').checked ? {doubted: 'yes'} : {})});
  history.replaceState(null, '', `#${state}`);
}

// -- drafts: what is changed and not yet saved ------------------------------------------------------------------------
function begun(row) {
  const mine = row.mine ?? {};
  if (page.mode === 'answer') {
    const points = mine.points ?? [];
    return {answer: mine.reply && row.form.kind !== 'points' ? mine.reply : '', points, comment: '', doubt: false};
  }
  const fixed = mine.verdict === 'fix' ? mine : row;
  return {question: fixed.question, answer: fixed.answer, points: fixed.points ?? [], comment: mine.comment ?? '', doubt: mine.doubt ?? false};
}

const slot = row => `bopask-draft ${page.annotator} ${page.mode} ${row.id}`;

function stored(row) {
  try {
    const draft = JSON.parse(localStorage.getItem(slot(row)));
    return draft && same(draft.mine, row.mine) ? draft.draft : null; // begun on what still stands
  } catch {
    return null;
  }
}

function edit(change) {
  const {row, draft} = page;
  Object.assign(draft, change);
  if (change.points && row.form.kind === 'points') draft.answer = written(row.task, draft.points);
  try {
    if (same(draft, begun(row))) localStorage.removeItem(slot(row));
    else localStorage.setItem(slot(row), JSON.stringify({mine: row.mine, draft}));
  } catch { /* no room: the draft lives as long as the page */ }
  refresh();
}

function drop() {
  if (!page.row) return;
  localStorage.removeItem(slot(page.row));
  page.draft = begun(page.row);
  panel();
}

const changed = () => ['question', 'answer', 'points'].some(key => !same(page.draft[key], key === 'points' ? page.row.points ?? [] : page.row[key]));
const asSaved = () => page.row.mine?.verdict === 'fix' && ['question', 'answer', 'points'].every(key => same(page.draft[key], page.row.mine[key] ?? []));

// -- judging ----------------------------------------------------------------------------------------------------------
async function judge(verdict, onwards = true) {
  const {row, draft} = page;
  if (!row || page.mode !== 'review') return;
  if (verdict === 'fix' && !changed()) return told('Move a point or edit the text first: then there is a fix to save.', true);
  if ((verdict === 'accept') && changed()) return told('You changed this row: save the fix, or drop the changes.', true);
  const fix = verdict === 'fix' ? {question: draft.question, answer: draft.answer, points: draft.points.length ? draft.points : null} : {};
  await save('row', row, {verdict, doubt: draft.doubt, comment: draft.comment, ...fix}, onwards && $('onwards')?.checked);
}

async function answer() {
  const {row, draft} = page, {form} = row;
  if (form.kind === 'points' && draft.points.length < form.least) return told(`Set ${form.least === form.most ? form.least : `at least ${form.least}`} points first.`, true);
  if (form.kind !== 'points' && !draft.answer) return told('Choose an answer first.', true);
  await save('reply', row, form.kind === 'points' ? {points: draft.points} : {answer: draft.answer}, true);
}

async function save(kind, row, after, onwards) {
  const said = await write('/api/record', {kind, subject: row.id, after, seen: row.version});
  if (said.status === 409) return conflict(kind, row, after);
  if (said.status) return;
  localStorage.removeItem(slot(row));
  Object.assign(page, {undo: said.undo, redo: said.redo});
  if (page.row?.id !== row.id) return;
  Object.assign(page.row, {version: said.version, mine: said.mine, others: said.others, hidden: said.hidden, history: said.history});
  if (said.since.length) told(`Saved. ${said.since.join(', ')} judged this row while you looked at it; both verdicts are kept.`);
  if (onwards && !said.since.length) return go(1);
  page.draft = begun(page.row);
  panel();
  lookAhead();
}

async function conflict(kind, row, after) {
  const found = await get('/api/next', {...choice(), from: row.id, by: 0});
  if (page.row?.id !== row.id) return;
  const draft = page.draft;
  page.row = found.row;
  page.draft = draft;
  panel();
  const theirs = found.row.mine;
  $('panel').prepend(el('div', {class: 'note', id: 'conflict', role: 'alert'},
    `You ${SAID[theirs?.verdict] ?? (theirs?.reply ? 'answered' : 'changed')} this row in another tab meanwhile. Nothing was overwritten.`,
    el('div', {class: 'row'},
      button('Save mine over it', '', {onclick: () => save(kind, page.row, after, false)}),
      button('Keep that one', '', {onclick: () => { localStorage.removeItem(slot(row)); show(page.row); drop(); }}))));
}

async function undo(which) {
  if (!page[which]) return told(which === 'undo' ? 'Nothing to undo.' : 'Nothing to redo.');
  const said = await write('/api/undo', {undoes: page[which]});
  if (said.status) return page.mode === 'objects' ? names() : go(0);
  Object.assign(page, {undo: said.undo, redo: said.redo, ahead: null});
  told(`${which === 'undo' ? 'Undone' : 'Redone'}${said.mine?.verdict ? `: ${SAID[said.mine.verdict]} again` : ''}`);
  const mode = {row: 'review', reply: 'answer', object: 'objects'}[said.kind];
  if (mode === 'objects') {
    page.object = Number(said.subject);
    return turn('objects');
  }
  if (mode !== page.mode) return turn(mode, said.subject);
  await go(0, said.subject);
  drop();
}

// -- the panel --------------------------------------------------------------------------------------------------------
function panel() {
  const {row, draft, mode} = page;
  for (const name of ['undo', 'redo']) $(name).disabled = !page[name];
  $('layers').hidden = mode === 'answer';
  if (!row) return $('panel').replaceChildren(el('p', {class: 'soft'}, 'Choose other filters.'));
  $('panel').replaceChildren(...(mode === 'answer' ? answering(row, draft) : judging(row, draft)));
  refresh();
}

// Whether clicks set the points of an answer: in answer mode, and of a row that has none yet (`bopask lab`).
const drawing = () => page.row?.form.kind === 'points' && (page.mode === 'answer' || !page.row.points?.length);

function refresh() { // what changes with every edit
  const {row, draft, mode} = page;
  if (!row) return;
  stage.show(row, draft.points, drawing());
  $('badge').hidden = row.form.kind !== 'choice' || !draft.answer || !stage.layers.answer;
  $('badge').textContent = draft.answer ?? '';
  $('badge').classList.toggle('no', draft.answer === 'No');
  for (const name of ['undo', 'redo']) $(name).disabled = !page[name];
  for (const choice of document.querySelectorAll('.choice button')) choice.setAttribute('aria-pressed', String(choice.textContent[0] === draft.answer?.[0]));
  if (drawing()) $('given')?.replaceChildren(...due(row, draft));
  if (mode === 'answer') return;
  if ($('answer') && document.activeElement !== $('answer')) $('answer').value = draft.answer;
  const differs = changed(), saved = asSaved();
  $('changes').hidden = !differs || saved;
  $('moved').textContent = distance(row, draft);
  $('accept').disabled = differs || !row.answer;
  $('fix').disabled = !differs || saved;
  $('remark').hidden = draft.comment.trim() === (row.mine?.comment ?? '') || (differs && !saved);
}

function distance(row, draft) {
  const words = [];
  if (draft.question !== row.question) words.push('question');
  if (row.form.kind !== 'points' && draft.answer !== row.answer) words.push('answer');
  const before = row.points ?? [];
  if (before.length !== draft.points.length) words.push(`${before.length} points became ${draft.points.length}`);
  else draft.points.forEach((p, i) => {
    const far = Math.hypot(p[0] - before[i][0], p[1] - before[i][1]);
    if (far) words.push(`${row.form.names[i] ?? `point ${i + 1}`} by ${far.toFixed(1)} px`);
  });
  return `Changed: ${words.join(', ')}.`;
}

function head(row) {
  const verdict = row.mine?.verdict ?? (row.mine?.reply ? 'answer' : null);
  return [el('div', {class: 'chips'},
    el('span', {class: 'chip task'}, page.session.words[row.task]?.title ?? row.task),
    row.subtask && row.subtask !== row.task ? el('span', {class: 'chip'}, row.subtask) : null,
    verdict ? el('span', {class: `chip ${verdict}`, id: 'mine'}, `you ${SAID[verdict]}${verdict === 'answer' ? '' : ' this'}`) : null,
    row.mine?.doubt ? el('span', {class: 'chip doubt'}, 'in doubt') : null)];
}

function judging(row, draft) {
  const {form} = row;
  const grow = event => edit({[event.target.id]: event.target.value});
  return [...head(row),
    el('div', {}, el('h3', {}, 'Question'), el('textarea', {id: 'question', rows: 2, value: draft.question, 'aria-label': 'Question', spellcheck: true, oninput: grow})),
    el('div', {}, el('h3', {}, 'Answer'), form.kind === 'choice' ? yesno() : el('textarea', {
      id: 'answer', rows: 2, value: draft.answer, 'aria-label': 'Answer', spellcheck: false,
      oninput: event => {
        if (form.kind !== 'points') return edit({answer: event.target.value});
        const points = parsed(event.target.value);
        if (points.length >= form.least && points.length <= form.most) edit({points});
      },
    })),
    drawing() ? el('div', {id: 'given'}) : null,
    el('div', {class: 'note', id: 'changes', hidden: true}, el('span', {id: 'moved'}), el('div', {class: 'row'}, button('Drop changes', 'Esc', {onclick: drop}))),
    el('div', {class: 'verdicts', role: 'group', 'aria-label': 'Verdict'},
      ...[['accept', 'Accept', 'A'], ['reject', 'Reject', 'R'], ['fix', 'Save fix', 'F']].map(([id, words, key]) =>
        button(words, key, {id, class: id, 'aria-pressed': String(row.mine?.verdict === id), onclick: () => judge(id)}))),
    el('div', {class: 'row small'},
      el('label', {}, el('input', {type: 'checkbox', id: 'doubt', checked: draft.doubt, onchange: doubt}), ' in doubt', el('kbd', {}, 'D')),
      el('label', {}, el('input', {type: 'checkbox', id: 'onwards', checked: page.onwards !== false, onchange: e => { page.onwards = e.target.checked; }}), ' next row after a verdict')),
    el('div', {}, el('h3', {}, 'Comment'), el('textarea', {id: 'comment', rows: 2, value: draft.comment, 'aria-label': 'Comment', placeholder: 'kept with the verdict', oninput: grow}),
      el('div', {class: 'row', id: 'remark', hidden: true}, button('Keep the comment', '', {onclick: () => note(row, page.draft)}))),
    others(row),
    el('details', {}, el('summary', {}, 'What a right answer looks like'), el('p', {class: 'small'}, page.session.words[row.task]?.look ?? 'The points of the answer, in order.')),
    el('details', {}, el('summary', {}, `Evidence (${row.evidence.length})`), el('dl', {class: 'facts'}, ...row.evidence.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {tabIndex: 0}, v)]))),
    row.history.length ? past(row) : null,
    where(row),
  ].filter(Boolean);
}

const where = row => el('div', {class: 'id'}, [row.dataset, row.split, row.layout, row.frame_id === undefined ? '' : `image ${row.frame_id}`].filter(Boolean).join(' · '), el('br'), row.id);

function yesno() {
  return el('div', {class: 'choice', role: 'group', 'aria-label': 'Answer'}, ...['Yes', 'No'].map(word =>
    button(word, page.mode === 'answer' ? word[0] : '', {onclick: () => edit({answer: word})})));
}

function others(row) {
  if (row.hidden) return el('p', {class: 'soft small', id: 'others'}, `${row.hidden === 1 ? 'One other person has' : `${row.hidden} others have`} judged this. What they say is shown after you have.`);
  if (!row.others.length) return null;
  return el('div', {id: 'others'}, el('h3', {}, 'Others'), el('ul', {class: 'said'}, ...row.others.map(({annotator, at, after}) =>
    el('li', {}, el('b', {}, annotator), ` ${SAID[after.verdict] ?? 'noted'}${after.doubt ? ', in doubt' : ''} · ${time(at)}`, after.comment ? el('div', {}, after.comment) : null,
      after.verdict === 'fix' && after.question ? el('div', {class: 'row'}, button('Show this fix', '', {onclick: () => { edit({question: after.question, answer: after.answer, points: after.points ?? []}); panel(); }})) : null))));
}

function past(row) {
  return el('details', {id: 'history'}, el('summary', {}, `History (${row.history.length})`), el('ol', {class: 'history'}, ...row.history.map(event =>
    el('li', {}, el('b', {}, event.annotator), ` ${event.undoes ? 'undid or redid: ' : ''}${SAID[event.said]}${event.doubt ? ', in doubt' : ''} · ${time(event.at)}`, event.comment ? el('div', {class: 'soft'}, event.comment) : null))));
}

const says = () => ['accept', 'reject'].includes(page.row.mine?.verdict) ? page.row.mine.verdict : asSaved() ? 'fix' : null;

async function doubt() { // kept at once, with the verdict that stands
  const {row, draft} = page;
  edit({doubt: !draft.doubt});
  await note(row, draft);
}

async function note(row, draft) {
  if (changed() && !asSaved()) return told('Kept with the verdict: you have changes that are not saved.');
  const verdict = says(), fix = verdict === 'fix' ? {question: draft.question, answer: draft.answer, points: draft.points.length ? draft.points : null} : {};
  await save('row', row, {verdict, doubt: draft.doubt, comment: draft.comment, ...fix}, false);
}

function asked(question) { // what it says of the answer's format is lighter
  const end = question.indexOf('?') + 1 || question.indexOf('. ') + 1 || question.length;
  return [question.slice(0, end), el('span', {class: 'soft'}, question.slice(end))];
}

// -- answer mode ------------------------------------------------------------------------------------------------------
function answering(row, draft) {
  const {form} = row;
  return [...head(row),
    el('div', {}, el('h3', {}, 'Question'), el('p', {id: 'question'}, ...asked(row.question))),
    el('div', {}, el('h3', {}, 'Your answer'), form.kind === 'choice' ? yesno() : form.kind === 'text'
      ? el('textarea', {id: 'answer', value: draft.answer, 'aria-label': 'Your answer', oninput: event => edit({answer: event.target.value})})
      : el('div', {id: 'given'})),
    el('div', {class: 'row'}, button('Send', 'Enter', {id: 'send', class: 'main', onclick: answer}), button('Skip', '→', {onclick: () => go(1)}),
      form.kind === 'points' ? button('Clear', 'Esc', {onclick: () => { edit({points: []}); }}) : null),
    el('p', {class: 'soft small'}, 'The true answer is not on this page. Your replies are kept, and are scored like a model’s.'),
    row.history.length ? past(row) : null,
    where(row)].filter(Boolean);
}

function due(row, draft) {
  const {form} = row, n = draft.points.length, name = i => form.names[i] ?? `point ${i + 1}`;
  const next = n < form.most ? `Click on the picture: ${form.names.length ? `${name(n)} (${n + 1} of ${form.most})` : `${name(n)}${n >= form.least ? ', or that is all' : ''}`}` : 'All points are set. Drag one to move it.';
  return [el('p', {}, next), el('ol', {class: 'points'}, ...(form.names.length ? form.names : draft.points).map((_, i) =>
    el('li', {class: i === n ? 'due' : ''}, el('span', {}, `${i + 1}  ${name(i)}`), el('span', {class: 'id'}, draft.points[i] ? draft.points[i].map(x => x.toFixed(1)).join(', ') : ''))))];
}

// -- names ------------------------------------------------------------------------------------------------------------
async function names() {
  const found = await get('/api/objects', {annotator: page.annotator});
  Object.assign(page, {objects: found.objects, undo: found.undo, redo: found.redo});
  for (const name of ['undo', 'redo']) $(name).disabled = !page[name];
  const at = page.objects.find(o => o.obj_id === page.object) ?? page.objects[0];
  $('list').replaceChildren(...page.objects.map(o => el('button', {type: 'button', 'aria-current': String(o === at), onclick: () => { page.object = o.obj_id; names(); }},
    el('span', {class: 'soft'}, String(o.obj_id)), el('span', {class: 'grow'}, o.mine?.description?.name || o.description.name || 'no name yet'),
    o.mine?.verdict ? el('span', {class: `chip ${o.mine.verdict}`}, SAID[o.mine.verdict]) : null)));
  $('object').replaceChildren(...(at ? described(at) : [el('p', {class: 'soft'}, 'No objects: the data set’s BOP folder was not found. Give it with --bop.')]));
}

function described(object) {
  page.object = object.obj_id;
  const mine = object.mine ?? {}, words = mine.verdict === 'fix' ? mine.description : object.description;
  const value = name => LISTS.includes(name) ? words[name].join(', ') : words[name];
  const given = () => Object.fromEntries(WORDS.map(name => [name, LISTS.includes(name)
    ? $(`word-${name}`).value.split(/[,\n]/).map(s => s.trim()).filter(Boolean) : $(`word-${name}`).value.trim()]));
  const differs = () => WORDS.some(name => !same(given()[name], object.description[name]));
  const check = () => { $('name-accept').disabled = differs(); $('name-fix').disabled = !differs(); };
  const say = async verdict => {
    const after = {verdict, doubt: $('name-doubt').checked, comment: $('name-comment').value, ...(verdict === 'fix' ? {description: given()} : {})};
    const said = await write('/api/record', {kind: 'object', subject: String(object.obj_id), after, seen: object.version});
    if (said.status === 422) return;
    const at = page.objects.findIndex(o => o.obj_id === object.obj_id);
    if (!said.status && verdict) page.object = page.objects[Math.min(at + 1, page.objects.length - 1)].obj_id;
    await names();
    if (said.status) told('You judged this name in another tab meanwhile: this is what stands now.', true);
  };
  const fields = WORDS.map(name => el('label', {}, name === 'use' ? 'used to' : name, el(LISTS.includes(name) ? 'textarea' : 'input', {id: `word-${name}`, value: value(name), oninput: check, ...(LISTS.includes(name) ? {rows: 1} : {})})));
  queueMicrotask(check);
  return [
    el('div', {}, el('h2', {}, `Object ${object.obj_id}: ${words.name || 'no name yet'}`),
      el('p', {class: 'soft small'}, `A name must fit this object and no other one of the data set. Status: ${object.description.status || 'unknown'}. ${object.description.source}`),
      el('div', {class: 'views'}, ...object.views.map(crop)), object.views.length ? null : el('p', {class: 'soft'}, 'No picture shows this object.')),
    el('div', {id: 'said'}, el('div', {class: 'fields'}, ...fields),
      el('div', {class: 'verdicts', role: 'group', 'aria-label': 'Verdict'}, ...[['accept', 'Accept', 'A'], ['reject', 'Reject', 'R'], ['fix', 'Save fix', 'F']].map(([id, words, key]) =>
        button(words, key, {id: `name-${id}`, class: id, 'aria-pressed': String(mine.verdict === id), onclick: () => say(id)}))),
      el('label', {class: 'small'}, el('input', {type: 'checkbox', id: 'name-doubt', checked: mine.doubt ?? false}), ' in doubt'),
      el('div', {}, el('h3', {}, 'Comment'), el('textarea', {id: 'name-comment', rows: 2, value: mine.comment ?? '', 'aria-label': 'Comment'})),
      others(object), object.history.length ? past(object) : null)];
}

function crop({picture, bbox, size}) {
  const middle = [(bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2], side = 1.35 * Math.max(bbox[2] - bbox[0], bbox[3] - bbox[1]);
  return svg('svg', {viewBox: `${middle[0] - side / 2} ${middle[1] - side / 2} ${side} ${side}`, role: 'img', 'aria-label': 'The object in a picture'},
    svg('image', {href: picture, x: -0.5, y: -0.5, width: size[0], height: size[1], preserveAspectRatio: 'none'}),
    svg('rect', {x: bbox[0], y: bbox[1], width: bbox[2] - bbox[0], height: bbox[3] - bbox[1], fill: 'none', stroke: '#38c8ff', 'stroke-width': 1.5, 'stroke-dasharray': '5 5', 'vector-effect': 'non-scaling-stroke'}));
}

// -- agreement --------------------------------------------------------------------------------------------------------
async function report() {
  const {counts, rows, objects} = await get('/api/report');
  const table = (words, heads, lines) => el('table', {}, el('thead', {}, el('tr', {}, ...heads.map((h, i) => el('th', {class: i < words ? 'word' : ''}, h)))),
    el('tbody', {}, ...lines.map(line => el('tr', {}, ...line.map((cell, i) => el('td', {class: i < words ? 'word' : ''}, cell))))));
  const shared = [...rows, ...objects].map(a => [a.task, a.first, a.second, count(a.n), `${(100 * a.share).toFixed(1)} %`, a.kappa === null ? '–' : a.kappa.toFixed(3)]);
  const heads = ['accept', 'reject', 'fix', 'doubt', 'objects', 'replies'];
  $('report').replaceChildren(
    el('h2', {}, 'What everybody did'),
    Object.keys(counts).length ? table(1, ['annotator', 'accepted', 'rejected', 'fixed', 'in doubt', 'names', 'answers'], Object.entries(counts).map(([name, of]) => [name, ...heads.map(h => count(of[h]))]))
      : el('p', {class: 'soft'}, 'Nobody has judged anything yet.'),
    el('h2', {}, 'Agreement of each two who judged the same rows'),
    shared.length ? table(3, ['task', 'first', 'second', 'shared', 'same', 'Cohen’s κ'], shared) : el('p', {class: 'soft'}, 'No two people have judged the same row yet.'),
    el('p', {class: 'soft small'}, 'κ is agreement beyond chance over accept, reject and fix: 1 is full agreement, 0 what chance gives, – where both said one and the same of everything. A verdict of others is shown only after one’s own, so that they stay independent.'));
}

// -- modes, filters, names, keys --------------------------------------------------------------------------------------
async function turn(mode, id = page.row?.id) {
  page.mode = mode;
  page.ahead = null;
  for (const tab of document.querySelectorAll('nav button')) tab.dataset.mode === mode ? tab.setAttribute('aria-current', 'page') : tab.removeAttribute('aria-current');
  const rows = mode === 'review' || mode === 'answer';
  $('rows').hidden = $('filters').hidden = !rows;
  $('objects').hidden = mode !== 'objects';
  $('report').hidden = mode !== 'report';
  for (const only of document.querySelectorAll('.judging')) only.hidden = mode === 'answer';
  if (!rows) {
    page.row = null;
    remember();
    return mode === 'objects' ? names() : report();
  }
  const kept = $('verdict').value;
  $('verdict').replaceChildren(...(mode === 'answer' ? ANSWER : REVIEW).map(([value, words]) => el('option', {value}, words)));
  $('verdict').value = [...$('verdict').options].some(o => o.value === kept) ? kept : '';
  if (mode === 'answer') Object.assign(stage.layers, {answer: true, labels: true});
  page.row = null; // nothing of the other mode stays
  stage.clear();
  await go(id ? 0 : 1, id ?? '');
}

function options(select, all, counts) {
  select.replaceChildren(el('option', {value: ''}, all), ...Object.entries(counts).map(([value, n]) => el('option', {value}, n === null ? value : `${value} (${count(n)})`)));
}

function subtasks() {
  const of = page.session.subtasks, task = $('task').value;
  const names = task ? of[task] ?? [] : [...new Set(Object.values(of).flat())].sort();
  options($('subtask'), 'all', Object.fromEntries(names.map(name => [name, null])));
}

async function filtered() {
  page.ahead = null;
  const found = await get('/api/next', {...choice(), from: '', by: 1});
  page.row = null;
  arrive(found);
}

function layer(name) {
  stage.layers[name] = !stage.layers[name];
  document.querySelector(`[data-layer=${name}]`).setAttribute('aria-pressed', String(stage.layers[name]));
  refresh();
}

function ask_name() {
  $('names').replaceChildren(...page.session.annotators.map(value => el('option', {value})));
  $('name').value = page.annotator;
  $('naming').showModal();
  $('name').select();
}

function named() {
  const name = $('name').value.trim();
  $('naming-wrong').textContent = name ? '' : 'Give a name.';
  if (!name) return;
  page.annotator = name;
  sessionStorage.setItem('bopask-annotator', name); // of this tab
  localStorage.setItem('bopask-annotator', name); // proposed to the next one
  $('who').textContent = name;
  $('naming').close();
  turn(page.mode);
}

function keyed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  const typing = event.target.matches('textarea, select, input:not([type=checkbox])');
  if (typing) return event.key === 'Escape' ? event.target.blur() : undefined;
  const rows = page.mode === 'review' || page.mode === 'answer', pressed = event.target.matches('button, summary');
  const actions = {u: () => undo('undo'), U: () => undo('redo'), '?': () => $('help').showModal()};
  if (rows) Object.assign(actions, {ArrowLeft: () => go(-1), ArrowRight: () => go(1), '+': () => stage.zoom(1.4), '-': () => stage.zoom(1 / 1.4), 0: () => stage.row && stage.fit(), Escape: drop});
  if (page.mode === 'review') Object.assign(actions, {a: () => judge('accept'), r: () => judge('reject'), f: () => judge('fix'), d: () => $('doubt')?.click(), c: () => $('comment')?.focus(),
    1: () => layer('boxes'), 2: () => layer('answer'), 3: () => layer('labels'), 4: () => layer('evidence')});
  if (drawing()) actions.Backspace = () => stage.remove();
  if (page.mode === 'answer' && page.row) {
    if (page.row.form.kind === 'choice') Object.assign(actions, {y: () => edit({answer: 'Yes'}), n: () => edit({answer: 'No'})});
    if (page.row.form.kind === 'points') actions.Escape = () => edit({points: []});
    if (!pressed) actions.Enter = answer;
  }
  if (page.mode === 'objects') Object.assign(actions, {a: () => $('name-accept')?.click(), r: () => $('name-reject')?.click(), f: () => $('name-fix')?.click()});
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

async function start() {
  page.session = await get('/api/session');
  const {session} = page, state = new URLSearchParams(location.hash.slice(1));
  $('set').textContent = `${session.name} · ${count(session.rows)} rows`;
  options($('task'), 'all', session.tasks);
  options($('dataset'), 'all', session.datasets);
  $('datasets').hidden = Object.keys(session.datasets).length < 2;
  $('task').value = state.get('task') ?? '';
  subtasks();
  for (const name of ['subtask', 'dataset', 'order']) $(name).value = state.get(name) ?? '';
  $('doubted').checked = state.has('doubted');
  $('verdict').replaceChildren(...REVIEW.concat(ANSWER).map(([value, words]) => el('option', {value}, words)));
  $('verdict').value = state.get('verdict') ?? '';
  $('shortcuts').replaceChildren(...KEYS.flatMap(([key, words]) => [el('dt', {}, el('kbd', {}, key)), el('dd', {}, words)]));
  $('objects').replaceChildren(el('div', {id: 'list'}), el('div', {id: 'object'}));
  for (const tab of document.querySelectorAll('nav button')) tab.addEventListener('click', () => turn(tab.dataset.mode));
  for (const name of ['subtask', 'dataset', 'verdict', 'order', 'doubted']) $(name).addEventListener('change', filtered);
  $('task').addEventListener('change', () => { subtasks(); filtered(); });
  $('goto').addEventListener('change', event => { const id = event.target.value.trim(); event.target.value = ''; if (id) goto(id); });
  for (const one of document.querySelectorAll('[data-layer]')) one.addEventListener('click', () => layer(one.dataset.layer));
  const clicks = {previous: () => go(-1), next: () => go(1), undo: () => undo('undo'), redo: () => undo('redo'), who: ask_name, named, keys: () => $('help').showModal(),
    close: () => $('help').close(), in: () => stage.zoom(1.4), out: () => stage.zoom(1 / 1.4), fit: () => stage.row && stage.fit()};
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener('click', action);
  $('name').addEventListener('keydown', event => { if (event.key === 'Enter') { event.preventDefault(); named(); } });
  $('naming').addEventListener('cancel', event => { if (!page.annotator) event.preventDefault(); });
  document.addEventListener('keydown', keyed);
  page.mode = ['review', 'answer', 'objects', 'report'].includes(state.get('mode')) ? state.get('mode') : 'review';
  page.annotator = sessionStorage.getItem('bopask-annotator') || session.annotator;
  $('who').textContent = page.annotator || 'Who are you?';
  if (page.annotator) return turn(page.mode, state.get('id') ?? undefined);
  ask_name();
  $('name').value = localStorage.getItem('bopask-annotator') ?? '';
}

async function goto(id) {
  const found = await get('/api/next', {...choice(), from: id, by: 0});
  if (found.row?.id === id) arrive(found);
  else told('There is no row with this id.', true);
}

start().catch(error => told(error.message, true));
