// Scope is law: a station chief sees their own station, whatever address they think of.
import { expect, type Page, signIn, test } from './support/fixtures';
import { Console } from './support/console';

/** Every unit id of the demo that stands anywhere in what the browser was sent or shows. */
async function unitIdsIn(page: Page): Promise<Set<string>> {
  const served = await page.request.get(page.url()).then((answer) => answer.text());
  return new Set(`${served} ${await page.content()}`.match(/\bPC-\d{3}\b/g) ?? []);
}

test('a station chief sees the units of the own station and no other', async ({ api, openAs }) => {
  const own = (await (await api('chief5')).units('station:5')).map((unit) => unit.id);
  const all = (await (await api('admin')).units('district:1')).map((unit) => unit.id);
  expect(all.filter((id) => /^PC-\d{3}$/.test(id)).length, 'units of the demo').toBe(200);
  expect(own.length).toBeGreaterThan(0);
  expect(own.length).toBeLessThan(all.length);

  const page = await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  await expect(ui.unit(own[0] ?? '')).toBeVisible();
  const seen = await unitIdsIn(page);
  expect([...seen].filter((id) => !own.includes(id)), 'units of other stations in the page').toEqual([]);
  await expect(page.getByText('Kadavanthra').first()).toBeVisible();
});

for (const scope of ['zone:3', 'district:1', 'division:1', 'station:6', 'station:999', 'nonsense']) {
  test(`a station chief who guesses ?scope=${scope} is told no, and is sent nothing of it`, async ({ api, openAs, watch }) => {
    watch.forgive(/status of 403/);
    const own = (await (await api('chief5')).units('station:5')).map((unit) => unit.id);
    const page = await openAs('chief5', `/?scope=${scope}`);
    await expect(page.getByText('This area is not yours to see').first()).toBeVisible();
    expect((await page.request.get(`/?scope=${scope}`)).status()).toBe(403);
    const seen = await unitIdsIn(page);
    expect([...seen].filter((id) => !own.includes(id))).toEqual([]);
  });
}

test('the API gives a station chief nothing beyond the own station', async ({ api }) => {
  const admin = await api('admin');
  const chief = await api('chief5');
  const own = new Set((await chief.units('station:5')).map((unit) => unit.id));
  const other = (await admin.units('zone:3')).find((unit) => !own.has(unit.id));
  if (!other) throw new Error('the demo has units in zone 3 outside station 5');

  const today = `start_time=${new Date(Date.now() - 3_600_000).toISOString()}&end_time=${new Date().toISOString()}`;
  const refused = [
    '/api/v1/units?scope=zone:3',
    '/api/v1/units?scope=station:6',
    '/api/v1/units?scope=district:1',
    `/api/v1/units/${other.id}`,
    `/api/v1/units/${other.id}/location`,
    `/api/v1/units/${other.id}/route?${today}`,
    `/api/v1/history?scope=zone:3&at=${new Date().toISOString()}`,
    '/api/v1/units/NO-SUCH-UNIT/location',
  ];
  for (const path of refused) expect([403, 404], path).toContain(await chief.status(path));
  // What is not theirs and what does not exist look the same: guessing ids tells nothing.
  expect(await chief.status(`/api/v1/units/${other.id}/location`)).toBe(await chief.status('/api/v1/units/NO-SUCH-UNIT/location'));

  const nearby = await chief.call<{ items?: { unit_id?: string; id?: string }[] }>(
    'GET',
    '/api/v1/units/nearby?lat=9.9633&lng=76.2995&radius=100000',
  );
  const near = JSON.stringify(nearby).match(/\bPC-\d{3}\b/g) ?? [];
  expect(near.filter((id) => !own.has(id))).toEqual([]);

  const scopes = JSON.stringify(await chief.call('GET', '/api/v1/scopes'));
  expect(scopes).toContain('station:5');
  expect(scopes).not.toContain('station:6');

  const start = await chief.fetch('POST', '/api/v1/patrols', { unit_id: other.id, station: 'station:5' });
  expect([403, 404]).toContain(start.status);
  if (other.patrol_id !== null) {
    const end = await chief.fetch('POST', `/api/v1/patrols/${String(other.patrol_id)}/end`);
    expect([403, 404]).toContain(end.status);
    expect((await admin.units('zone:3')).find((unit) => unit.id === other.id)?.patrol_id).toEqual(other.patrol_id);
  }
});

interface Heard {
  frames: string[];
  closed: number | null;
}
/** Subscribes to `scope` with the page's own cookie; what came until something was refused or shown. */
function subscribe(page: Page, scope: string): Promise<Heard> {
  return page.evaluate(
    (scope) =>
      new Promise<{ frames: string[]; closed: number | null }>((resolve) => {
        const heard: { frames: string[]; closed: number | null } = { frames: [], closed: null };
        const socket = new WebSocket(`ws://${location.host}/api/v1/ws`, 'sentinel.v1.json');
        socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', scope }));
        socket.onmessage = (message) => {
          heard.frames.push(String(message.data));
          const { type } = JSON.parse(String(message.data)) as { type: string };
          // After two position frames, or a refusal, there is enough to judge.
          if (type === 'error' || heard.frames.length >= 3) {
            resolve(heard);
            socket.close();
          }
        };
        socket.onclose = (event) => {
          heard.closed = event.code;
          resolve(heard);
        };
      }),
    scope,
  );
}

test('the live socket gives a station chief the own station and refuses every other scope', async ({ api, openAs }) => {
  const own = new Set((await (await api('chief5')).units('station:5')).map((unit) => unit.id));
  const page = await openAs('chief5');
  for (const scope of ['zone:3', 'district:1', 'station:6', 'station:999']) {
    const { frames, closed } = await subscribe(page, scope);
    const refusal = closed === 4101 || frames.some((frame) => frame.includes('"type":"error"'));
    expect(refusal, `${scope}: closed ${closed}, ${frames.join('\n')}`).toBe(true);
    expect(frames.join('\n')).not.toMatch(/PC-\d{3}/);
  }
  const { frames } = await subscribe(page, 'station:5');
  expect(frames[0]).toContain('"type":"snapshot"');
  const shown = frames.join('\n').match(/\bPC-\d{3}\b/g) ?? [];
  expect(shown.length).toBeGreaterThan(0);
  expect(shown.filter((id) => !own.has(id))).toEqual([]);
});

test('who is not signed in gets nothing', async ({ page, server, watch }) => {
  watch.forgive(/WebSocket/);
  for (const path of ['/api/v1/units?scope=station:5', '/api/v1/scopes', '/api/v1/stats', '/api/v1/units/PC-001/location']) {
    const answer = await fetch(server.url + path);
    expect(answer.status, path).toBe(401);
    expect(await answer.json()).toMatchObject({ code: expect.any(String), message: expect.any(String), request_id: expect.any(String) });
  }
  await page.goto('/login');
  const { frames } = await subscribe(page, 'station:5');
  expect(frames.join('\n')).not.toContain('"type":"snapshot"');
});

test('signing out ends the session everywhere, also for the open socket', async ({ openAs, page, context }) => {
  await openAs('chief5');
  const ui = new Console(page);
  await ui.isLive();
  const second = await context.newPage();
  await second.goto('/');
  await new Console(second).isLive();
  await new Console(second).signOut();
  await expect(second).toHaveURL(/\/login/);
  const ended = page.getByRole('alertdialog', { name: 'Your session has ended' });
  await expect(ended).toBeVisible();
  await expect(ended.getByRole('link', { name: 'Sign in' })).toBeFocused();
  const readable = await page.evaluate(() =>
    ['.unit-row', '.top-bar', '.map', '.rail'].filter((part) => {
      const box = document.querySelector(part)?.getBoundingClientRect();
      return box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest('.ended') === null;
    }),
  );
  expect(readable, 'parts of the page that are not covered').toEqual([]);
  await page.goto('/');
  await expect(page).toHaveURL(/\/login/);
  await signIn(page, 'chief5');
  await new Console(page).isLive();
});
