// The report in a real browser: keys, clicks, links, hostile names, many events. Opens files, never a network.
//   browser_test.mjs PLAYWRIGHT CHROMIUM DIRECTORY    DIRECTORY holds the reports that browser_test.sh made
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';

const [, , modules, chromiumPath, directory] = process.argv;
const {chromium} = createRequire(modules + '/')('playwright-core');
const browser = await chromium.launch({executablePath: chromiumPath, args: ['--no-sandbox'], timeout: 180000});
let tests = 0;

/** Opens a report; every error, and every request but for the file itself, fails the test. */
async function open(name, {hash = '', colorScheme = 'light'} = {}) {
  const context = await browser.newContext({viewport: {width: 1400, height: 900}, colorScheme});
  const page = await context.newPage(), url = `file://${directory}/${name}.html`;
  page.setDefaultTimeout(180000);  // the machine may be busy
  page.problems = [];
  page.on('pageerror', error => page.problems.push(error.message));
  page.on('dialog', dialog => { page.problems.push('a dialog'); dialog.dismiss(); });
  page.on('request', request => { if (request.url().split('#')[0] !== url) page.problems.push(request.url()); });
  await page.goto(url + hash);
  await page.waitForSelector('html[data-ready]', {state: 'attached'});
  return page;
}

async function test(name, report, body, options) {
  const page = await open(report, options);
  try {
    await body(page);
    assert.deepEqual(page.problems, []);
    console.log('ok: ' + name);
    ++tests;
  } catch (error) {
    await page.screenshot({path: `${directory}/failed.png`});
    throw new Error(`${name}: ${error.message} (see ${directory}/failed.png)`, {cause: error});
  } finally {
    await page.context().close();
  }
}

const selected = page => page.evaluate('view.selected');
const rows = page => page.evaluate('view.rows.length');
/** Waits until an expression holds. Not page.waitForFunction: it looks again by eval(), which the report's policy forbids. */
async function until(page, expression) {
  for (let look = 0; !await page.evaluate(expression); ++look) {
    assert.ok(look < 1800, `${expression} never held`);
    await page.waitForTimeout(100);
  }
}
/** How many different colours the lanes show: 1 is an empty canvas. */
const colours = page => page.evaluate(`new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {
  const data = new Uint32Array(ink.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  done(new Set(data).size);
})))`);

await test('opens at the failing step, with its source and the way to replay it', 'failure', async page => {
  assert.equal(await selected(page), await page.evaluate('failingStep'));
  assert.ok(await selected(page) > 0);
  assert.match(await page.textContent('#message'), /check failed: FORESEED_CHECK\(breaker.open\(\)\)/);
  assert.match(await page.textContent('#detail .finding .source .here'), /FORESEED_CHECK\(breaker\.open\(\)\)/);
  assert.match(await page.textContent('#replay'), /replay .*hasty\.json$/);
  assert.ok(await colours(page) > 20);
  await page.screenshot({path: `${directory}/failure.png`});
});

await test('the choices that led to the failure are marked', 'failure', async page => {
  const turns = await page.evaluate('turns');
  assert.ok(turns.length > 0 && turns.length < await page.evaluate('count'));
  await page.keyboard.press('[');
  assert.equal(await selected(page), turns.findLast(step => step < 39));
  assert.ok(await page.locator('#detail .chosen').count() > 0);
});

await test('keys step, follow a task, and come back to the failure', 'failure', async page => {
  const failing = await selected(page);
  await page.keyboard.press('k');
  assert.equal(await selected(page), failing - 1);
  await page.keyboard.press('ArrowDown');
  assert.equal(await selected(page), failing);
  await page.keyboard.press('ArrowLeft');
  const [own, there] = await page.evaluate(`[events.task[failingStep - 1], events.task[view.selected - 1]]`);
  assert.equal(own, there);
  await page.keyboard.press('Home');
  assert.equal(await selected(page), 1);
  assert.match(await page.textContent('#live'), /^step 1, .*task_start/);
  await page.keyboard.press('f');
  assert.equal(await selected(page), failing);
});

await test('clicks on the buttons, the lanes and the overview', 'failure', async page => {
  const failing = await selected(page);
  await page.click('#previous');
  assert.equal(await selected(page), failing - 1);
  await page.click('#lanes', {position: {x: 300, y: 40 + 22 * 3 + 11}});
  assert.equal(await selected(page), await page.evaluate('view.rows[Math.floor((22 * 3 + 11 + steps.scrollTop) / 22)]'));
  await page.click('#overview', {position: {x: 12, y: 10}});
  assert.equal(await page.evaluate('events.time[view.selected - 1]'), await page.evaluate('events.time.find(time => time > 0)'));
  await page.click('#failure');
  assert.equal(await selected(page), failing);
});

await test('filters, and takes the filter back', 'failure', async page => {
  const all = await rows(page);
  await page.keyboard.press('/');
  await page.keyboard.type('T2 mutex_lock');
  assert.ok(await rows(page) < all);
  assert.ok(await page.evaluate(`view.rows.every(step => step === failingStep || (taskText(events.task[step - 1]) === 'T2' && stepText(step).startsWith('mutex_lock')))`));
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert.equal(await rows(page), all);
});

await test('shows only what happens before the failure', 'race', async page => {
  const all = await rows(page);
  await page.keyboard.press('p');
  const past = await rows(page);
  assert.ok(past > 0 && past < all, `${past} of ${all}`);
  assert.ok(await page.evaluate('view.rows.every(step => view.past[step])'));
});

await test('links to a step', 'failure', async page => {
  assert.equal(await selected(page), 7);
  await page.evaluate(`location.hash = '#step=9'`);
  await until(page, 'view.selected === 9');
  await page.evaluate(`location.hash = '#step=999999999'`);
  await page.waitForTimeout(50);
  assert.equal(await selected(page), 9);
  await page.keyboard.press('j');
  assert.ok(page.url().endsWith('#step=10'));
}, {hash: '#step=7'});

await test('copies the replay command', 'failure', async page => {
  await page.click('#copy');
  await until(page, `document.getElementById('copy').textContent === 'copied'`);
});

await test('the steps are there as a table', 'failure', async page => {
  await page.click('#table-box summary');
  const lines = await page.locator('#table tr').allTextContents();
  assert.equal(lines.length, await rows(page));
  assert.match(lines.at(-1), /^39.*main.*mutex_unlock mutex#1.*hasty_breaker\.h:\d+/);
  assert.equal(await page.locator('#table tr[aria-current=true]').count(), 1);
});

await test('light and dark', 'failure', async page => {
  const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  const light = await ground();
  await page.emulateMedia({colorScheme: 'dark'});
  assert.notEqual(await ground(), light);
  await page.screenshot({path: `${directory}/dark.png`});
});

await test('messages by what became of them, locks, states, faults', 'everything', async page => {
  assert.deepEqual(await page.evaluate('messages.map(fate)'), ['delivered', 'lost', 'duplicate', 'resent']);
  assert.deepEqual(await page.evaluate('holds.map(bar => [bar.lane, bar.from, bar.to])'), [[0, 4, 11], [1, 12, 14]]);
  assert.deepEqual(await page.evaluate('waits.map(bar => [bar.lane, bar.from, bar.to])'), [[1, 3, 9], [1, 9, 12]]);
  assert.deepEqual(await page.evaluate('states.map(bar => [bar.label, bar.from])'), [['closed', 5], ['open', 10]]);
  assert.deepEqual(await page.evaluate('faults.map(bar => [bar.label, bar.from, bar.to])'), [['partition client | server', 8, 13]]);
  assert.deepEqual(await page.evaluate('Array.from(view.past).flatMap((is, step) => is ? [step] : [])'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14]);
  assert.deepEqual(await page.evaluate('turns'), [3, 7]);
  await page.evaluate(`location.hash = '#step=7'`);
  await until(page, 'view.selected === 7');
  assert.match(await page.textContent('#detail'), /data of 5 bytes, client → server.*lost 2 times: lost/);
  await page.screenshot({path: `${directory}/everything.png`});
});

await test('a message of a real run is followed to where it is read', 'network', async page => {
  const data = await page.evaluate(`messages.filter(m => m.what === 'data' && m.readStep && m.task >= 0).map(m =>
    [trace.ops[events.op[m.sentStep - 1]], events.task[m.sentStep - 1] === m.task, hostOf(events.task[m.readStep - 1]) === m.toHost, m.readStep > m.sentStep])`);
  assert.ok(data.length > 20);
  for (const [op, sender, receiver, later] of data) assert.ok(/sock_send|write/.test(op) && sender && receiver && later);
  assert.ok(await page.evaluate(`messages.some(m => fate(m) === 'lost')`));
  assert.ok(await page.evaluate('faults.length') > 0);
});

await test('hostile names are only text', 'hostile', async page => {
  for (const key of ['Home', 'j', 'j', 'j', 'j', 'j', 'j', 'j', 'j', 'f', 'p', 'p']) await page.keyboard.press(key);
  await page.click('#table-box summary');
  assert.equal(await page.evaluate('window.hacked'), undefined);
  assert.equal(await page.locator('img, iframe, object, embed, link').count(), 0);
  assert.equal(await page.locator('script').count(), 2);
  assert.match(await page.title(), /^<script>window.hacked=1<\/script>/);
  assert.equal(await page.textContent('#scenario'), '<script>window.hacked=1</script>');
  assert.ok(!(await page.content()).includes('root:'), 'no file outside the directory is quoted');
  await page.screenshot({path: `${directory}/hostile.png`});
});

await test('the page allows no script but its own', 'hostile', async page => {
  await page.evaluate(`{
    const script = document.createElement('script');
    script.textContent = 'window.hacked = 5';
    document.body.append(script);
    const image = document.createElement('div');
    image.innerHTML = '<img src=x onerror="window.hacked=6">';
    document.body.append(image);
  }`);
  await page.waitForTimeout(100);
  assert.equal(await page.evaluate('window.hacked'), undefined);
  page.problems.length = 0;  // the image's request, which the policy stopped
});

for (const name of ['5000', '100000']) {
  await test(name + ' events', name, async page => {
    console.log(`  ready after ${await page.getAttribute('html', 'data-ready')} ms`);
    assert.equal(await rows(page), Number(name));
    assert.equal(await selected(page), Number(name));
    for (const key of ['Home', 'PageDown', 'j', '[', ']', 'End']) await page.keyboard.press(key);
    assert.equal(await selected(page), Number(name));
    await page.evaluate(`location.hash = '#step=${Number(name) / 2}'`);
    await until(page, `view.selected === ${Number(name) / 2}`);
    assert.ok(await colours(page) > 20);
    await page.fill('#filter', 'T3 mutex_lock');
    assert.equal(await rows(page), Math.floor(Number(name) / 32) + 1);
    assert.equal(await page.evaluate('isTurn.length'), Number(name) + 1);
  });
}

await browser.close();
console.log(`${tests} tests of the report in a browser`);
